"""Four real services in this process, without broker or network: HTTP is a call, topics are read
from the outboxes, and the portal's calls to the owners go straight to them."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from services.billing.app import create_app as billing_app
from services.billing.settings import BillingSettings
from services.delivery.app import create_app as delivery_app
from services.delivery.settings import DeliverySettings
from services.identity.app import create_app as identity_app
from services.identity.settings import IdentitySettings
from services.portal.app import create_app as portal_app
from services.portal.settings import PortalSettings
from services.portal.web.owners import Owners
from shared.dead_letters import DeadLetters
from shared.messaging import BatchRunner
from shared.records import Record
from shared.settings import KafkaSettings
from tests.matrix.asgi import Answer, request
from tests.matrix.undone import UndoneDatabase, undone
from tests.services import master_key

PAGES = "http://facteur.test"
OWNERS = ("identity", "billing", "delivery")


@dataclass
class Published:
    """A row of an outbox, as its record would be."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0
    offset: int = 0


class NoDeadLetters(DeadLetters):
    """What can't be applied fails the test at once."""

    async def add(self, record: Record, *, reason: str, handler: str, lane: str) -> None:
        raise AssertionError(f"dead letter from {record.topic}, {handler} in {lane}: {reason}")


@dataclass
class InProcess:
    """The services by name."""

    apps: dict[str, Any]
    databases: dict[str, UndoneDatabase]
    _read: dict[str, int] = field(default_factory=dict)

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        authorization: str = "",
        body: Any = None,
    ) -> Answer:
        """A call of a service's API."""
        headers = {"authorization": authorization} if authorization else {}
        content = b""
        if body is not None:
            headers["content-type"], content = "application/json", json.dumps(body).encode()
        return await request(self.apps[service], method, path, headers, content)

    async def done(self, *call: Any, **more: Any) -> Any:
        """The JSON of a call that succeeds."""
        answer = await self.ask(*call, **more)
        assert answer.status < 300, (call[1:3], answer.status, answer.body)
        return json.loads(answer.body or b"null")

    async def tell(self) -> None:
        """Let every service hear what the others have published, until all is quiet."""
        while any([await self._tell_of(name) for name in self.apps]):
            pass

    async def _tell_of(self, publisher: str) -> bool:
        async with self.databases[publisher].system_transaction() as conn:
            rows = await conn.fetch(
                "SELECT position, topic, key, headers, payload FROM outbox "
                "WHERE position > $1 ORDER BY position",
                self._read.get(publisher, 0),
            )
        records: list[Record] = [_record(row) for row in rows]
        for name, app in self.apps.items():
            consumers = app.state.service.consumers
            for lane, topics in consumers.lanes().items():
                runner = BatchRunner(
                    consumers, self.databases[name], NoDeadLetters(name, KafkaSettings()), lane=lane
                )
                await runner.run([r for r in records if r.topic in topics])
        if rows:
            self._read[publisher] = rows[-1]["position"]
        return bool(rows)

    async def close(self) -> None:
        await self.apps["portal"].state.owners.client.aclose()
        await self.apps["billing"].state.validator.close()
        for database in self.databases.values():
            await database.close()


def _record(row: Any) -> Published:
    headers = [(name, value.encode()) for name, value in row["headers"].items()]
    return Published(row["topic"], row["key"].encode(), row["payload"], headers)


async def in_process(dsn: Callable[[str], str], folder: Path) -> InProcess:
    """The services on migrated databases, ready to answer."""
    key = master_key(folder)
    urls = {name: f"http://{name}.test" for name in OWNERS}
    made = {name: SecretStr(dsn(name)) for name in (*OWNERS, "portal")}
    apps = {
        "identity": identity_app(IdentitySettings(
            database_url=made["identity"], master_key_file=key, failures_per_address=10_000,
            asked_per_network=10_000,
            portal_url=PAGES,
        )),
        "billing": billing_app(BillingSettings(database_url=made["billing"])),
        "delivery": delivery_app(DeliverySettings(
            database_url=made["delivery"], master_key_file=key, private_addresses=True,
        )),
        "portal": portal_app(PortalSettings(
            database_url=made["portal"], public_url=PAGES,
            identity_url=urls["identity"], billing_url=urls["billing"],
            delivery_url=urls["delivery"],
        )),
    }  # fmt: skip
    databases: dict[str, UndoneDatabase] = {}
    for name, app in apps.items():
        service = app.state.service
        databases[name] = service._database = await undone(dsn(name))
        service.stage = "ready"
        # nobody relays here, and the page of readiness would say so
        service.relay.last_round = time.monotonic() + 3600
    for name in ("identity", "billing"):
        for prepare in apps[name].state.service.on_database:
            await prepare(apps[name].state.service)
    state = apps["portal"].state
    await state.owners.client.aclose()
    straight: dict[str, httpx.AsyncBaseTransport | None] = {
        f"all://{name}.test": httpx.ASGITransport(apps[name], client=("203.0.113.7", 4711))
        for name in OWNERS
    }
    state.owners = Owners(urls, httpx.AsyncClient(mounts=straight, timeout=20))
    return InProcess(apps, databases)
