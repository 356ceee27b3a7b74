"""A customer's SFTP server that takes keys only: set by API or form, kept sealed, used by the worker."""

import getpass
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.broker import Broker
from deploy.local.process import stop
from shared.database import connect
from tests.conftest import DatabaseFactory
from tests.flow.test_issue_to_proof import issue
from tests.integration.delivery.channels import debian
from tests.integration.portal.conftest import pages_of
from tests.platform import BUYER, Person, Platform, platform
from tests.services import eventually


@dataclass(frozen=True)
class Server:
    """An OpenSSH server that knows one key and no password."""

    port: int
    host_key: str
    private_key: str
    public_key: str
    fingerprint: str
    inbox: Path

    def way(self, **more: Any) -> dict[str, Any]:
        settings = {"host": "127.0.0.1", "port": self.port, "user": getpass.getuser(),
                    "folder": str(self.inbox), "host_key": self.host_key}  # fmt: skip
        return {"channel": "sftp", "settings": settings, **more}


def keygen(*arguments: str) -> str:
    command = ["ssh-keygen", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


@pytest.fixture
def server(workplace: Path, tmp_path: Path) -> Iterator[Server]:
    folder = workplace / f"keys-{uuid4().hex[:8]}"
    process, port, host_key, private_key = debian.sshd(folder)
    inbox = tmp_path / "in"
    inbox.mkdir()
    public = folder / "user.pub"
    told = keygen("-lf", str(public))
    yield Server(
        port, " ".join(host_key.split()[:2]), private_key,
        " ".join(public.read_text().split()[:2]), told.split()[1], inbox,
    )  # fmt: skip
    stop(process)


async def put(person: Person, customer: str, *ways: dict[str, Any]) -> Any:
    return await person.at("delivery").put(f"/v1/receptions/{customer}", json={"ways": ways})


async def test_a_key_given_over_the_api_signs_in_and_only_its_public_half_is_shown(
    running: Platform, server: Server
) -> None:
    person, customer = await running.biller(), str(uuid4())
    saved = await put(person, customer, server.way(private_key=server.private_key))
    assert saved.status_code == 200, saved.text
    shown = {"openssh": server.public_key, "fingerprint": server.fingerprint}
    assert saved.json()["ways"][0]["public_key"] == shown
    assert saved.json()["ways"][0]["has_password"] is False
    # a change that names no key keeps it
    kept = await put(person, customer, server.way())
    looked_up = await person.at("delivery").get(f"/v1/receptions/{customer}")
    assert kept.json()["ways"] == looked_up.json()["ways"] == saved.json()["ways"]
    secret = server.private_key.splitlines()[1]
    assert not any(secret in answer.text for answer in (saved, kept, looked_up))
    assert secret.encode() not in await everything_kept(running)
    await person.at("billing").put(f"/v1/customers/{customer}", json=BUYER)
    async with running.worker("sftp"):
        invoice = await issue(person, customer)

        async def arrived() -> list[Path]:
            return list(server.inbox.glob("*.xml"))

        (path,) = await eventually(arrived)
        api = person.at("billing")
        original = await api.get(f"/v1/invoices/{invoice['invoice_id']}/original")
        assert path.read_bytes() == original.content

        # a password in the key's place is refused by this server
        replaced = await put(person, customer, server.way(password="guess"))
        assert replaced.json()["ways"][0]["public_key"] is None
        assert replaced.json()["ways"][0]["has_password"] is True
        await issue(person, customer)

        async def refused() -> list[Any]:
            found = await person.at("delivery").get("/v1/deliveries?state=refused")
            return list(found.json())

        (delivery,) = await eventually(refused)
    assert delivery["attempts"][-1]["code"] == "sftp.auth"


async def everything_kept(running: Platform) -> bytes:
    """What delivery's table of ways holds, as text and bytes."""
    db = await connect(running.databases["delivery"].runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        rows = await conn.fetch("SELECT w::text AS written, w.secrets FROM reception_way w")
    await db.close()
    assert rows
    return b"".join(row["written"].encode() + row["secrets"] for row in rows)


async def test_a_key_that_cannot_be_used_is_refused_in_words(
    running: Platform, server: Server, tmp_path: Path
) -> None:
    person = await running.biller()
    for form in ([], ["-m", "PEM"]):
        path = tmp_path / f"locked{len(form)}"
        keygen("-q", "-t", "rsa", "-N", "secret", *form, "-f", str(path))
        refused = await put(person, str(uuid4()), server.way(private_key=path.read_text()))
        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert error["field"] == "ways.0.private_key"
        assert "passphrase" in error["message"]
    for wrong in ("", "hello", server.public_key, server.private_key[:200]):
        refused = await put(person, str(uuid4()), server.way(private_key=wrong))
        assert refused.status_code == 422, wrong
        assert "no private key" in refused.json()["errors"][0]["message"]
    ftps = {"channel": "ftps", "settings": {"host": "ftp.example", "user": "u"}}
    refused = await put(person, str(uuid4()), {**ftps, "private_key": server.private_key})
    assert refused.status_code == 422
    assert "only SFTP" in refused.json()["errors"][0]["message"]


async def test_the_form_takes_a_key_and_shows_its_public_half(
    running: Platform, server: Server
) -> None:
    person, customer = await running.biller(), str(uuid4())
    pages = await pages_of(running, person)
    settings = server.way()["settings"]
    address = BUYER["address"]
    assert isinstance(address, dict)
    fields = {
        **{name: BUYER[name] for name in ("name", "registration_number", "vat_number", "language")},
        **{f"address.{name}": value for name, value in address.items()},
        "sftp.on": "on", **{f"sftp.{name}": str(value) for name, value in settings.items()},
    }  # fmt: skip
    refused = await pages.post(f"/customers/{customer}", **fields, **{"sftp.private_key": "hello"})
    assert refused.status_code == 422
    assert 'id="wrong-sftp.private_key"' in refused.text
    # as browsers send what stands in a textarea
    typed = server.private_key.replace("\n", "\r\n")
    saved = await pages.post(f"/customers/{customer}", **fields, **{"sftp.private_key": typed})
    assert saved.status_code == 303, saved.text
    page = unescape((await pages.get(f"/customers/{customer}")).text)
    assert server.public_key in page
    assert server.fingerprint in page
    assert server.private_key.splitlines()[1] not in page
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    again = await pages.post(f"/customers/{customer}", **fields, version=version.group(1))
    assert again.status_code == 303
    assert server.fingerprint in unescape((await pages.get(f"/customers/{customer}")).text)
