"""Delivery's workers on a real database, and every peer they deliver to."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.local.peers import filedrop, mailbox
from deploy.local.pki import Pki
from deploy.local.postgres import ServiceDatabase
from services.delivery.commands import receptions, resend
from services.delivery.commands.receptions import ReceptionBody
from services.delivery.consumers import attach_readable, schedule_deliveries
from services.delivery.domain.outcome import ChannelName
from services.delivery.settings import DeliverySettings
from services.delivery.workers import run_worker
from shared.access.guard import Principal
from shared.access.rights import APPS
from shared.clock import system_clock
from shared.contracts.billing import InvoiceIssued, InvoiceRendered
from shared.database import Connection, Database, connect
from shared.events import Actor, Envelope, Event
from shared.secretbox import load_box
from tests.conftest import DatabaseFactory
from tests.integration.delivery.documents import issued_event, rendered_event
from tests.services import eventually, master_key
from tests.unit.delivery.peppol.network import Network

PARTICIPANT = "0208:0202239951"
RETRIES = Path(__file__).parents[2] / "fast_retries.toml"
OVER = {"delivered", "exhausted", "refused", "undecided", "cancelled", "bounced"}


@dataclass
class Delivering:
    """Delivery's database, its peers, and what tests do with both."""

    database: ServiceDatabase
    db: Database
    settings: DeliverySettings
    pki: Pki
    drop: filedrop.Filedrop
    mail: mailbox.Mailbox
    network: Network
    company: UUID = field(default_factory=uuid4)

    def way(self, channel: str) -> dict[str, Any]:
        """How a customer wants to receive over a channel: at this test's own peer."""
        server = {"user": "facteur", "port": self.drop.ports.get(channel)}
        ways: dict[str, dict[str, Any]] = {
            "sftp": {"settings": {**server, "host": "127.0.0.1", "host_key": self.drop.host_key},
                     "password": "facteur"},
            "ftps": {"settings": {**server, "host": "localhost",
                                  "ca": (self.pki.folder / "tls-ca.pem").read_text()},
                     "password": "facteur"},
            "peppol": {"settings": {"participant": PARTICIPANT}},
            "email": {"settings": {"to": ["buyer@example.org"]}},
        }  # fmt: skip
        return {"channel": channel, **ways[channel]}

    async def customer(self, *channels: str, customer: UUID | None = None) -> UUID:
        """A customer who receives over these channels."""
        customer = customer or uuid4()
        body = ReceptionBody.model_validate({"ways": [self.way(c) for c in channels]})
        box = load_box(self.settings.master_key_file)
        await receptions.set_reception(self.db, box, self._caller(), customer, body, system_clock)
        return customer

    async def email_customer(self, address: str) -> UUID:
        """A customer who receives by e-mail at this address."""
        customer = uuid4()
        way = {"channel": "email", "settings": {"to": [address]}}
        body = ReceptionBody.model_validate({"ways": [way]})
        box = load_box(self.settings.master_key_file)
        await receptions.set_reception(self.db, box, self._caller(), customer, body, system_clock)
        return customer

    def _caller(self) -> Principal:
        return Principal(
            uuid4(), uuid4(), uuid4(), self.company, "company", "", "", "", None, frozenset(),
            frozenset(APPS), "fr", True, None, False,
        )  # fmt: skip

    async def hear(self, event: Event) -> None:
        """The service's own handler takes in an event, in one transaction."""
        async with self.db.system_transaction() as conn:
            await self.handle(conn, event)

    async def handle(self, conn: Connection, event: Event) -> None:
        """The same in a transaction that the test ends."""
        handlers: dict[type[Event], Any] = {
            InvoiceIssued: schedule_deliveries,
            InvoiceRendered: attach_readable,
        }
        envelope = Envelope(
            uuid4(), event.topic, 1, str(event.key), datetime.now(UTC), "/facteur/billing", 1,
            Actor(kind="system", id="test"), None, self.company, None,
        )  # fmt: skip
        await handlers[type(event)](conn, event, envelope)

    async def issue(self, customer: UUID, count: int = 1, *, rendered: bool = True) -> list[UUID]:
        """Invoices are issued to the customer (and rendered); their ids."""
        made = []
        for _ in range(count):
            event = issued_event(self.company, customer)
            await self.hear(event)
            if rendered:
                await self.hear(rendered_event(event))
            made.append(event.invoice_id)
        return made

    async def deliveries(self) -> list[dict[str, Any]]:
        async with self.db.system_transaction() as conn:
            rows = await conn.fetch("SELECT * FROM delivery ORDER BY created_at, delivery_id")
        return [dict(row) for row in rows]

    async def attempts(self, delivery_id: UUID) -> list[dict[str, Any]]:
        async with self.db.system_transaction() as conn:
            rows = await conn.fetch(
                "SELECT * FROM attempt WHERE delivery_id = $1 ORDER BY attempt, step", delivery_id
            )
        return [dict(row) for row in rows]

    async def told(self, topic: str) -> list[dict[str, Any]]:
        """The events of a topic that were committed, oldest first."""
        rows = await self.db.pool.fetch(
            "SELECT payload FROM outbox WHERE topic = $1 ORDER BY position", topic
        )
        return [json.loads(row["payload"]) for row in rows]

    async def over(self, seconds: float = 20) -> list[dict[str, Any]]:
        """All deliveries, once every one of them has come to an end."""

        async def ended() -> list[dict[str, Any]] | None:
            rows = await self.deliveries()
            return rows if rows and {row["state"] for row in rows} <= OVER else None

        found: list[dict[str, Any]] = await eventually(ended, seconds)
        return found

    async def resend(self, delivery_id: UUID) -> UUID:
        actor = Actor(kind="system", id="test")
        row = await resend.resend(self.db, self.company, delivery_id, actor, system_clock)
        return row.delivery_id

    async def confirm(self, delivery_id: UUID, reason: str) -> None:
        actor = Actor(kind="user", id="7")
        await resend.confirm(self.db, self.company, delivery_id, reason, actor, system_clock)

    def copies(self, delivery: dict[str, Any]) -> int:
        """How many times the peer has the document of a delivery, by the peer's own count."""
        identity: UUID = delivery["delivery_id"]
        if delivery["channel"] == "peppol":
            kept = Counter(r.instance_identifier for r in self.network.peer.store.received)
            return kept[str(identity)]
        if delivery["channel"] == "email":
            return sum(r.envelope_id.startswith(f"{identity}.") for r in self.mail.store.all())
        return sum(identity.hex in f.path for f in self.drop.files())

    @asynccontextmanager
    async def worker(
        self, *channels: ChannelName, count: int = 1, **changes: Any
    ) -> AsyncIterator[None]:
        """`count` workers of these channels in this process, each with connections of its own."""
        settings = self.settings.model_copy(update=changes)
        tasks = [asyncio.create_task(run_worker(settings, list(channels))) for _ in range(count)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def environment(self) -> dict[str, str]:
        """For a worker in a process of its own."""
        settings = self.settings
        assert settings.peppol is not None
        return {
            "DELIVERY_MASTER_KEY_FILE": str(settings.master_key_file),
            "DELIVERY_RETRIES_FILE": str(settings.retries_file),
            "DELIVERY_LEASE_SECONDS": str(settings.lease_seconds),
            "DELIVERY_PRIVATE_ADDRESSES": "true",
            "DELIVERY_REPORTS_MAILDIR": str(settings.reports_maildir),
            "DELIVERY_SMTP": json.dumps(settings.smtp, default=str),
            "DELIVERY_PEPPOL": settings.peppol.model_dump_json(),
        }


@pytest.fixture(scope="session")
def delivery_pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki.at(tmp_path_factory.mktemp("pki"))
    made.server()
    return made


@pytest.fixture
async def delivering(
    new_database: DatabaseFactory, delivery_pki: Pki, tmp_path: Path
) -> AsyncIterator[Delivering]:
    database = await new_database("delivery")
    db = await connect(database.runtime_dsn, max_size=8)
    tls = delivery_pki.folder / "tls-localhost.pem", delivery_pki.folder / "tls-localhost.key"
    drop = await filedrop.Filedrop(filedrop.Options(tmp_path / "drop", *tls)).start()
    mail = await mailbox.Mailbox(
        mailbox.Options(tmp_path / "mail", *tls, reports=tmp_path / "reports")
    ).start()
    network = await Network.start(delivery_pki, tmp_path / "received")
    theirs = delivery_pki.access_point("PFR000002")
    network.register(PARTICIPANT, f"{network.peer.url}/as4", theirs.certificate)
    settings = DeliverySettings(
        database_url=database.runtime_dsn, master_key_file=master_key(tmp_path),
        private_addresses=True, retries_file=RETRIES, lease_seconds=1.5,
        smtp={"host": "localhost", "port": mail.ports["smtp"], "sender": "f@facteur.example",
              "ca_file": str(delivery_pki.folder / "tls-ca.pem"), "timeout_seconds": 5},
        peppol=network.settings, reports_maildir=tmp_path / "reports",
    )  # fmt: skip
    yield Delivering(database, db, settings, delivery_pki, drop, mail, network)
    await network.stop()
    await mail.close()
    await drop.close()
    await db.close()
