"""What each process of the embedded stack finds in its environment: production's own settings."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from deploy.local.pki import Pki
from deploy.local.postgres import ServiceDatabase

SERVICES = ("identity", "portal", "billing", "delivery")
ZONE = "sml.facteur.test"
OUR_ACCESS_POINT, THEIR_ACCESS_POINT = "PBE000001", "PFR000002"
SENDER = "factures@facteur.example"

Environment = dict[str, str]


def service_environment(
    root: Path, ports: dict[str, int], database: ServiceDatabase, kafka: Environment
) -> Environment:
    """The whole environment of one service (and, for delivery, of its workers)."""
    service = database.service
    prefix = service.upper()
    own = {
        f"{prefix}_HOST": "127.0.0.1",
        f"{prefix}_PORT": str(ports[service]),
        f"{prefix}_DATABASE_URL": database.runtime_dsn,
        f"{prefix}_OWNER_DATABASE_URL": database.owner_dsn,
        f"{prefix}_MASTER_KEY_FILE": str(master_key(root / "keys", service)),
        # two arenas are enough for an event loop, and spare tens of megabytes
        "MALLOC_ARENA_MAX": "2",
    }
    if service == "portal":
        own |= {
            f"PORTAL_{name.upper()}_URL": f"http://127.0.0.1:{ports[name]}"
            for name in ("identity", "billing", "delivery")
        }
        own["PORTAL_PUBLIC_URL"] = f"http://127.0.0.1:{ports['portal']}"
    if service == "identity":
        smtp = _smtp(Pki.at(root / "pki"), ports, "facteur@facteur.example")
        own["IDENTITY_SMTP"] = json.dumps(smtp)
        # by its name: browsers know no passkeys for a bare address
        own["IDENTITY_PORTAL_URL"] = f"http://localhost:{ports['portal']}"
    if service == "delivery":
        own |= _delivery(Pki.at(root / "pki"), ports)
        own["DELIVERY_REPORTS_MAILDIR"] = str(reports(root))
    return {**kafka, **own}


def kafka_environment(kind: str, port: int) -> Environment:
    """How to reach the broker; short sessions, so that a killed consumer is replaced soon."""
    return {
        "FACTEUR_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}",
        # Tansu has no idempotent producer
        "FACTEUR_KAFKA_IDEMPOTENT": "true" if kind == "kafka" else "false",
        "FACTEUR_KAFKA_SESSION_TIMEOUT_MS": "3000" if kind == "kafka" else "2000",
        "FACTEUR_KAFKA_HEARTBEAT_MS": "800",
        # one process a service: fewer partitions are fewer questions
        "FACTEUR_KAFKA_PARTITIONS": "3",
        "FACTEUR_KAFKA_FETCH_MAX_WAIT_MS": "500" if kind == "kafka" else "20",
    }


def _smtp(pki: Pki, ports: dict[str, int], sender: str) -> dict[str, Any]:
    return {
        "host": "localhost",
        "port": ports["smtp"],
        "sender": sender,
        "ca_file": str(pki.folder / "tls-ca.pem"),
    }


def reports(root: Path) -> Path:
    """The mailbox of the sender of e-mails, a Maildir."""
    return root / "mailbox" / "reports"


def _delivery(pki: Pki, ports: dict[str, int]) -> Environment:
    folder = pki.folder
    pki.access_point(OUR_ACCESS_POINT)
    smtp = _smtp(pki, ports, SENDER)
    peppol: dict[str, Any] = {
        "certificate": str(folder / f"{OUR_ACCESS_POINT}.pem"),
        "key": str(folder / f"{OUR_ACCESS_POINT}.key"),
        "ap_authorities": [str(folder / "root-ca.pem"), str(folder / "ap-ca.pem")],
        "ap_revocations": [str(pki.crl)],
        "smp_authorities": [str(folder / "root-ca.pem"), str(folder / "smp-ca.pem")],
        "tls_authorities": str(folder / "tls-ca.pem"),
        "sml_zone": ZONE,
        "sml_nameserver": "127.0.0.1",
        "sml_port": ports["sml"],
        "plain_on_loopback": True,
    }
    return {
        "DELIVERY_PRIVATE_ADDRESSES": "true",
        "DELIVERY_SMTP": json.dumps(smtp),
        "DELIVERY_PEPPOL": json.dumps(peppol),
    }


def master_key(folder: Path, service: str) -> Path:
    """The service's master key file, made once with mode 0600."""
    path = folder / f"{service}.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.b64encode(os.urandom(32)) + b"\n")
    return path


def write_environments(root: Path, environments: dict[str, Environment]) -> None:
    """Keep them for operators' commands (`facteur … --stack DIR`); they hold passwords: mode 0600."""
    path = root / "environment.json"
    fresh = root / "environment.json.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(environments, file, indent=1)
    fresh.replace(path)


def read_environment(root: Path, service: str) -> Environment:
    """A service's environment as the stack in `root` last started it; LookupError when it never did."""
    path = root / "environment.json"
    if not path.exists():
        raise LookupError(f"no stack has run in {root}: start one with `facteur demo`")
    found: Environment = json.loads(path.read_text())[service]
    return found
