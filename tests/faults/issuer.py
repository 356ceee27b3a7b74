"""The embedded stack itself, somebody who issues whatever happens, and what must hold at the end."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.demo import paperwork
from deploy.demo.people import COMPTOIR, Person, Refused
from deploy.demo.story import Story
from deploy.local.stack import Stack
from tests.faults import peers
from tests.services import eventually

RETRIES = """
[waits]
email = [0.5, 1, 2, 4, 8, 8, 8]
sftp = [0.5, 1, 2, 4, 8, 8, 8]
ftps = [0.5, 1, 2, 4, 8, 8, 8]
peppol = [0.5, 1, 2, 4, 8, 8, 8]
[settle]
waits = [0.3, 1, 2, 4]
[breaker]
failures = 5
seconds = 1
longest = 4
"""
SERVICES = ("identity", "portal", "billing", "delivery")
LOGS = ("billing", "delivery", "delivery-email-1")
LINE = {
    "quantity": "2",
    "price": {"net": "50.00"},
    "vat": {"category": "S", "rate": "21"},
    "item": {"name": "Bière blonde, fût de 20 l"},
}


@dataclass
class Issuer:
    """Issues invoices through the public API, asking again until each is answered."""

    stack: Stack
    marie: Person
    customers: dict[str, str]
    ways: dict[str, int]
    """How many deliveries an invoice to each customer makes."""
    issued: list[dict[str, Any]] = field(default_factory=list)

    async def issue(self, customer: str) -> dict[str, Any]:
        """One invoice. Ids are the client's own, so that asking twice makes one document."""
        draft = str(uuid4())
        body = {
            "draft_id": draft,
            "customer_id": self.customers[customer],
            "content": {"due_date": "2027-01-31", "buyer_reference": "PO 7", "lines": [LINE]},
        }
        await self._until_answered("/v1/drafts", body)
        invoice = await self._until_answered(f"/v1/drafts/{draft}/issue", None)
        self.issued.append(invoice)
        return invoice

    async def many(self, customers: list[str], side_by_side: int = 6) -> list[dict[str, Any]]:
        """One invoice to each of these customers, some at a time."""
        turn = asyncio.Semaphore(side_by_side)

        async def one(customer: str) -> dict[str, Any]:
            async with turn:
                return await self.issue(customer)

        return await asyncio.gather(*(one(c) for c in customers))

    async def _until_answered(self, path: str, body: Any) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + 120
        last = ""
        while asyncio.get_running_loop().time() < deadline:
            try:
                answer = await self.marie.call("billing", "POST", path, json=body)
            except httpx.TransportError as error:
                last = repr(error)
            else:
                last = f"{answer.status_code} {answer.text}"
                if answer.is_success:
                    found: dict[str, Any] = answer.json()
                    return found
                assert answer.status_code in (502, 503), last
            await asyncio.sleep(0.1)
        raise AssertionError(f"{path} was never answered: {last}")

    async def settled(self, invoices: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
        """The invoices as billing shows them, once every delivery of each has come to an end."""
        over = {"delivered", "exhausted", "refused", "undecided"}
        left, done = {i["invoice_id"]: i for i in invoices}, []

        async def all_over() -> bool:
            for identity in list(left):
                try:
                    answer = await self.marie.call("billing", "GET", f"/v1/invoices/{identity}")
                except httpx.TransportError:
                    return False
                if not answer.is_success:
                    return False
                found = answer.json()
                states = [d["state"] for d in found["deliveries"]]
                if len(states) < self.ways[found["customer_id"]] or not set(states) <= over:
                    return False
                done.append(found)
                del left[identity]
            return True

        try:
            await eventually(all_over, seconds, 0.2)
        except AssertionError:
            raise AssertionError(await self._why(list(left)[:3])) from None
        return done

    async def _why(self, identities: list[str]) -> str:
        found = []
        for identity in identities:
            shown = await self.marie.call("billing", "GET", f"/v1/invoices/{identity}")
            made = await self.marie.call("delivery", "GET", f"/v1/deliveries?invoice_id={identity}")
            deliveries = [
                (
                    d["channel"],
                    d["state"],
                    d["next_attempt_at"],
                    [a["words"] for a in d["attempts"]],
                )
                for d in made.json()
            ]
            known = [(d["channel"], d["state"]) for d in shown.json().get("deliveries", [])]
            found.append(f"billing knows {known}; delivery has {deliveries}")
        found += [f"{service} says {await self._health(service)}" for service in SERVICES]
        found += [f"the log of {name} ends with\n{self._last_words(name)}" for name in LOGS]
        return "never settled:\n" + "\n".join(found)

    async def _health(self, service: str) -> str:
        async with httpx.AsyncClient(timeout=5) as client:
            try:
                return (await client.get(f"{self.stack.url(service)}/health/ready")).text
            except httpx.TransportError as error:
                return repr(error)

    def _last_words(self, name: str) -> str:
        """What a program said last, beside its tries to reach what was away."""
        lines = (self.stack.root / "logs" / f"{name}.log").read_text().splitlines()
        return "\n".join([line for line in lines if '"aiokafka"' not in line][-12:])

    def each_peer_has_one(self, invoices: list[dict[str, Any]]) -> None:
        """By the peers' own count. An e-mail whose outcome nobody can know waits for a person."""
        files = peers.files(self.stack.url("filedrop"))
        ask = {
            "sftp": files,
            "ftps": files,
            "peppol": peers.messages(self.stack.url("access-point")),
            "email": peers.mails(self.stack.url("mailbox")),
        }
        wrong, states = [], Counter[tuple[str, str]]()
        for invoice in invoices:
            for delivery in invoice["deliveries"]:
                channel, state = delivery["channel"], delivery["state"]
                states[channel, state] += 1
                copies = ask[channel][delivery["delivery_id"]]
                undecided = (channel, state) == ("email", "undecided") and copies <= 1
                if not (state == "delivered" and copies == 1) and not undecided:
                    wrong.append((invoice["number"], channel, state, copies, delivery["words"]))
        assert not wrong, wrong
        assert not ask["sftp"]["part"], "half a file was left behind"
        print(dict(states))

    async def deliveries(self, invoices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Every delivery of these invoices with its attempts, as delivery shows them."""
        found = []
        for invoice in invoices:
            path = f"/v1/deliveries?invoice_id={invoice['invoice_id']}"
            found += await self.marie.ask("delivery", "GET", path)
        return found

    async def dead_letters(self) -> int:
        """How many records lie on all dead-letter topics."""
        consumer = AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{self.stack.ports['broker']}")
        await consumer.start()
        try:
            count = int(self.stack.environments["billing"]["FACTEUR_KAFKA_PARTITIONS"])
            parts = [
                TopicPartition(f"dead-letter.{service}", number)
                for service in SERVICES
                for number in range(count)
            ]
            return sum((await consumer.end_offsets(parts)).values())
        finally:
            await consumer.stop()


@asynccontextmanager
async def staged(
    root: Path,
    workers: Mapping[str, int],
    *,
    broker: str | None = "kafka",
    channels: Mapping[str, tuple[str, ...]],
    **extra: str,
) -> AsyncIterator[Issuer]:
    """A running stack, a user of a company for which facturation is on, and customers by name with
    the channels that each has chosen."""
    retries = root / "retries.toml"
    retries.write_text(RETRIES)
    settings = {"DELIVERY_RETRIES_FILE": str(retries), "DELIVERY_LEASE_SECONDS": "4", **extra}
    async with Stack(
        root, broker=broker, workers=workers, ephemeral_ports=True, extra=settings
    ) as stack:
        story = Story(stack, print, Path("nowhere"), ())
        admin, brasserie, _ = await story._set_up()
        await story._switch_on(admin, brasserie, "Brasserie du Parc", "Gérant", "Comptable")
        marie = await story._signed_in("marie@brasserie.example")
        customers = {
            name: await _customer(stack, marie, f"Comptoir {name}", ways)
            for name, ways in channels.items()
        }
        yield Issuer(stack, marie, customers, {customers[n]: len(w) for n, w in channels.items()})
        for person in story._people:
            await person.close()


async def _customer(stack: Stack, marie: Person, name: str, ways: tuple[str, ...]) -> str:
    async def made() -> str | None:
        try:
            return await paperwork.customer(stack, ways, marie, {**COMPTOIR, "name": name})
        except Refused:
            return None

    found: str = await eventually(made, 30, 0.1)
    assert UUID(found)
    return found


def numbers(invoices: list[dict[str, Any]]) -> list[int]:
    """The numbers given, in order."""
    return sorted(int(i["number"].rpartition("-")[2]) for i in invoices)


def company_changed(number: int) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """A company that identity tells of for the first time: key, value, headers."""
    company = UUID(int=number)
    value: dict[str, Any] = {
        "company_id": str(company), "kind": "company", "firm_id": None,
        "company": {"name": f"Société {number}", "address": {"country": "FR"}},
        "missing_legal_fields": [],
    }  # fmt: skip
    headers = {
        "ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_type": "company.changed",
        "ce_source": "/facteur/identity", "ce_subject": str(company),
        "ce_time": "2026-11-22T00:00:00+00:00",
        "ce_dataschema": "urn:facteur:schema:company.changed:1", "ce_aggregateversion": "1",
        "ce_actor": "system:identity", "content-type": "application/json",
    }  # fmt: skip
    return (
        str(company).encode(),
        json.dumps(value).encode(),
        [(n, v.encode()) for n, v in headers.items()],
    )
