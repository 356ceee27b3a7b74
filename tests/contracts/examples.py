"""Golden examples: one a contract, made once and kept (docs/contracts/<topic>.v1.example.json).

`python -m tests.contracts.examples` writes those that are missing; it never changes one.
"""

import base64
import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.contracts.gate import FOLDER
from shared.contracts.registry import CONTRACTS
from shared.einvoice.syntax import ubl
from shared.events import Actor, Envelope, Event
from tests.unit.einvoice.samples import belgian, issued

MOMENT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def path_of(topic: str) -> Path:
    return FOLDER / f"{topic}.v{CONTRACTS[topic].version}.example.json"


def _id(number: int) -> UUID:
    return UUID(f"019a9e00-0000-7000-8000-{number:012d}")


def _document(name: str, media_type: str, content: bytes) -> dict[str, str]:
    return {
        "name": name,
        "media_type": media_type,
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    }


def _values() -> dict[str, Any]:
    """A value for each field of each contract, by the field's name."""
    invoice = issued(belgian())
    xml = ubl.write(invoice)
    company = {
        "name": "Brasserie des Ardennes SRL", "legal_form": "SRL",
        "registration_number": "0848934496", "vat_number": "BE0848934496",
        "address": {"line1": "Rue du Houblon 12", "city": "La Roche-en-Ardenne",
                    "postcode": "6980", "country": "BE"},
        "iban": "BE68539007547034", "peppol_id": "0208:0848934496",
    }  # fmt: skip
    return {
        "company_id": _id(1), "firm_id": _id(2), "membership_id": _id(3), "user_id": _id(4),
        "profile_id": _id(5), "session_id": _id(6), "key_id": _id(7), "action_id": _id(8),
        "customer_id": _id(9), "invoice_id": _id(10), "delivery_id": _id(11), "document_id": _id(12),
        "product_id": _id(17), "price": "74.50", "vat_category": "S", "vat_rate": "21",
        "draft_id": _id(14), "series_id": _id(15), "prefix": "F-", "last_number": 114,
        "chain_id": _id(16), "position": 4711, "hash": "6b" * 32, "sealed_at": MOMENT, "seal": "5e" * 32,
        "agreed": 4700, "operator": "odile", "acknowledged_at": MOMENT, "breaks": [{
            "position": 4701, "kind": "cut", "values": {"last": 4700, "sealed": 4750}, "evidence": ""}],
        "form": "readable", "change": "written",
        "kind": "company", "company": company, "missing_legal_fields": [], "role": "employee",
        "rights": ["invoicing"], "apps": ["invoices"], "active": True, "email": "luc@example.org",
        "first_name": "Luc", "last_name": "Petit", "language": "fr", "name": "Gérant",
        "revoked_at": MOMENT, "expires_at": MOMENT, "action": "signed_in", "detail": "",
        "public_key": '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
        "plan": "standard", "options": ["invoicing"], "seats": 5, "enabled": True,
        "profiles": [{"profile_id": str(_id(5)), "name": "Gérant"}],
        "registration_number": "0202239951", "vat_number": "BE0202239951",
        "peppol_id": "0208:0202239951", "number": invoice.number, "document_kind": "invoice",
        "issue_date": date(2026, 11, 20), "issued_at": MOMENT, "buyer_name": invoice.buyer.name,
        "amount_due": invoice.totals.amount_due, "currency": "EUR",
        "invoice": invoice.model_dump(mode="json", exclude_none=True),
        "original": _document("2026-115.xml", "application/xml", xml),
        "readable": _document("2026-115.pdf", "application/pdf", b"%PDF-1.7\n"),
        "document": _document("a.xml", "application/xml", xml),
        "ways": [{"channel": "peppol", "target": "0208:0202239951"}], "channel": "peppol",
        "target": "0208:0202239951", "due_at": MOMENT, "resend_of": None, "attempt": 1,
        "parked_at": MOMENT, "unsettled": False, "outcome": "failed",
        "words": "503 down for maintenance", "started_at": MOMENT,
        "ended_at": MOMENT, "next_attempt_at": MOMENT, "reason": "exhausted",
        "proof": {"receipt_id": "1@ap.example", "access_point": "PFR000002"},
        "sender": "0208:0848934496", "receiver": "0208:0202239951", "instance_id": str(_id(13)),
        "document_type": "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice",
        "seller_name": invoice.seller.name, "received_at": MOMENT, "reported_at": MOMENT, "address": "192.0.2.7",
    }  # fmt: skip


SPECIAL: dict[str, dict[str, Any]] = {
    "audit.break_acknowledged": {"reason": "restored from the backup of 19 November"},
    "membership.changed": {"kind": "internal"},
    "customer.changed": {
        "name": "Horeca Vlaanderen BV",
        "address": {"line1": "Korenmarkt 7", "city": "Gent", "postcode": "9000", "country": "BE"},
    },
    "product.changed": {
        "name": "Bière blonde, fût de 20 l",
        "description": None,
        "number": "FUT-20",
        "unit": "C62",
    },
    "document.received": {"amount_due": "664.42"},
}


def example(kind: type[Event]) -> dict[str, Any]:
    """Key, headers and value of one record."""
    known = _values() | SPECIAL.get(kind.topic, {})
    event = kind.model_validate({name: known[name] for name in kind.model_fields if name in known})
    envelope = Envelope(
        _id(100), kind.topic, kind.version, str(event.key), MOMENT, f"/facteur/{kind.publisher}", 1,
        Actor(kind="user", id=str(_id(4))), _id(99), _id(1),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )  # fmt: skip
    return {
        "key": envelope.key,
        "headers": envelope.headers(),
        "value": json.loads(event.model_dump_json()),
    }


def main() -> None:
    """Write the examples that are missing."""
    for topic, kind in CONTRACTS.items():
        path = path_of(topic)
        if not path.exists():
            text = json.dumps(example(kind), indent=1, ensure_ascii=False, default=_plain)
            path.write_text(text + "\n", "utf-8")
            print(path.name)


def _plain(value: object) -> str:
    assert isinstance(value, UUID | Decimal)
    return str(value)


if __name__ == "__main__":
    main()
