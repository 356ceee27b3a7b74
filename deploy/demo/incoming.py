"""Peppol in the other direction: their access point sends invoices to Facteur's."""

from pathlib import Path
from typing import Any

import httpx

from deploy.demo import people
from deploy.demo.people import Person, Refused
from deploy.demo.waiting import until
from deploy.local.stack import Stack


async def receive(stack: Stack, corpus: Path, person: Person) -> list[str]:
    """Have their access point send us official examples; the numbers of the purchases listed."""
    examples = sorted((corpus / "peppol" / "billing").glob("*.xml"))[:3]
    if not examples:
        return []
    certificate = (stack.pki.folder / "PBE000001.pem").read_text()
    for example in examples:
        await _send_to_us(stack, example.name, example.read_text("utf-8"), certificate)

    async def listed() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = await person.ask("delivery", "GET", "/v1/purchases")
        return found if len(found) >= len(examples) else None

    purchases = await until("the purchases being listed", listed)
    return [str(p["number"]) for p in purchases[: len(examples)]]


async def _send_to_us(stack: Stack, name: str, text: str, certificate: str) -> None:
    root = "CreditNote" if "<CreditNote" in text or ":CreditNote " in text else "Invoice"
    customization = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
    namespace = f"urn:oasis:names:specification:ubl:schema:xsd:{root}-2"
    message = {
        "url": stack.url("delivery") + "/as4",
        "certificate": certificate,
        "document": text,
        "sender": "0208:0123456749",
        "receiver": people.BRASSERIE["peppol_id"],
        "country": "BE",
        "document_type": f"{namespace}::{root}##{customization}::2.1",
        "process": "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
    }
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        answer = await client.post(stack.url("access-point") + "/send", json=message)
    if answer.is_error or not answer.json().get("accepted"):
        raise Refused(f"{name} was not accepted: {answer.text[:500]}")
