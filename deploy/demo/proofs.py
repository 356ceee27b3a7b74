"""The proof of each delivery, as delivery tells it and as the peers themselves count it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.browser import browsing
from deploy.demo.people import Person, Refused
from deploy.demo.waiting import until
from deploy.local.stack import Stack

OVER = ("delivered", "exhausted", "refused", "undecided", "bounced")
"""States of a delivery that nothing but a person changes."""


@dataclass(frozen=True)
class Row:
    """One line of the closing table."""

    invoice: str
    channel: str
    proof: str
    seconds: float
    """From the issuing request's answer to the peer's proof."""
    at_peer: bool
    """Whether the peer, asked by itself, has the document, once."""
    trace_id: str
    """The trace that began with the request that issued it."""


class Proofs:
    """Waits for the proofs of one invoice after the other, and keeps them as rows."""

    def __init__(self, stack: Stack, channels: tuple[str, ...], say: Callable[[str], None]) -> None:
        self.stack, self.channels, self._say = stack, channels, say
        self.rows: list[Row] = []

    async def prove(
        self, person: Person, invoice: dict[str, Any], without: tuple[str, ...] = ()
    ) -> None:
        """Wait for the proof of each channel, and ask the peers themselves."""
        path = f"/v1/invoices/{invoice['invoice_id']}"

        async def settled() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = (await person.ask("billing", "GET", path))["deliveries"]
            over = [d for d in found if d["state"] in OVER]
            return over if len(over) == len(self.channels) else None

        deliveries = await until(f"the deliveries of {invoice['number']}", settled, 90)
        made = await person.ask(
            "delivery", "GET", f"/v1/deliveries?invoice_id={invoice['invoice_id']}"
        )
        for delivery in deliveries:
            if delivery["state"] != "delivered" and delivery["channel"] in without:
                self._say(
                    f"      {delivery['channel']}: {delivery['state']}, as it should: {delivery['words']}"
                )
                continue
            if delivery["state"] != "delivered":
                raise Refused(f"{invoice['number']} by {delivery['channel']}: {delivery['words']}")
            attempts = next(
                d["attempts"] for d in made if d["delivery_id"] == delivery["delivery_id"]
            )
            ended = datetime.fromisoformat(attempts[-1]["ended_at"])
            seconds = (ended - datetime.fromisoformat(invoice["issued_at"])).total_seconds()
            at_peer = await self._at_peer(delivery)
            self.rows.append(
                Row(
                    invoice=invoice["number"],
                    channel=delivery["channel"],
                    proof=_proof(delivery),
                    seconds=seconds,
                    at_peer=at_peer,
                    trace_id=invoice["trace_id"],
                )
            )
            self._say(f"      {delivery['channel']:7} {_proof(delivery)}")
        await _on_the_page(person, invoice, [d for d in deliveries if d["state"] == "delivered"])

    async def _at_peer(self, delivery: dict[str, Any]) -> bool:
        """Exactly one copy, by the peer's own count."""
        channel, key = delivery["channel"], delivery["delivery_id"]
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            if channel == "email":
                listed = (await client.get(self.stack.url("mailbox") + "/messages.json")).json()
                return sum(key in str(message) for message in listed) == 1
            if channel == "peppol":
                listed = (await client.get(self.stack.url("access-point") + "/received")).json()
                return bool(listed["by_instance"].get(key) == 1)
            listed = (await client.get(self.stack.url("filedrop") + "/files.json")).json()
        name = Path(delivery["proof"]["path"]).name
        return sum(Path(file["path"]).name == name for file in listed) == 1


async def _on_the_page(
    person: Person, invoice: dict[str, Any], deliveries: list[dict[str, Any]]
) -> None:
    """The invoice's page, as its issuer sees it, tells every proof."""
    told = [_proof(d).removeprefix("receipt ").split(" (")[0] for d in deliveries]
    async with browsing(person) as browser:

        async def shown() -> bool:
            await browser.open(f"/invoices/{invoice['invoice_id']}")
            return all(proof in browser.text for proof in told)

        await until(f"every proof on the page of {invoice['number']}", shown, 10)


def _proof(delivery: dict[str, Any]) -> str:
    proof = delivery["proof"]
    if delivery["channel"] == "peppol":
        return f"receipt {proof.get('receipt_id', '')}".strip()
    if delivery["channel"] == "email":
        return str(delivery["words"])
    return f"{proof['path']} ({proof['size']} bytes)"
