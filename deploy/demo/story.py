"""The main job, played through the public surfaces: switch facturation on, issue, deliver, prove."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from deploy.demo import people
from deploy.demo.people import Person, Refused, stable_id
from deploy.demo.waiting import until
from deploy.local.stack import FILE_PASSWORD, FILE_USER, Stack

Say = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One line of the closing table."""

    invoice: str
    channel: str
    proof: str
    seconds: float
    """From the issuing request's answer to the peer's proof."""
    at_peer: bool
    """Whether the peer, asked by itself, has the document."""


class Story:
    """Plays everything once against a running stack."""

    def __init__(self, stack: Stack, say: Say, corpus: Path, channels: tuple[str, ...]) -> None:
        self.stack, self.say, self.corpus, self.channels = stack, say, corpus, channels
        self.urls = {
            name: stack.url(name) for name in ("identity", "portal", "billing", "delivery")
        }
        self.rows: list[Row] = []
        self.step = 0
        self._people: list[Person] = []

    async def play(self) -> list[Row]:
        """The whole story; raises Refused or NeverCame at the first thing that fails."""
        try:
            admin, brasserie, atelier = await self._set_up()
            await self._preconditions(admin)
            await self._switch_on(admin, brasserie, "Brasserie du Parc", "Gérant", "Comptable")
            await self._switch_on(admin, atelier, "Atelier Lumière", "Gérant")
            marie = await self._signed_in("marie@brasserie.example")
            await self._who_may(marie, "assistant@brasserie.example")
            await self._refused_by_the_rules(marie)
            await self._issue_and_prove(marie)
            luc = await self._signed_in("luc@atelier.example")
            await self._french(luc)
            if "peppol" in self.channels:
                await self._receive(marie)
        finally:
            for person in self._people:
                await person.close()
        return self.rows

    def _tell(self, text: str) -> None:
        self.step += 1
        self.say(f"{self.step:2}. {text}")

    async def _signed_in(self, email: str) -> Person:
        person = await people.sign_in(self.urls, email)
        if person is None:
            raise Refused(f"{email} can't sign in")
        self._people.append(person)
        return person

    async def _set_up(self) -> tuple[Person, UUID, UUID]:
        admin = await people.firm_admin(self.urls)
        self._people.append(admin)
        brasserie = await people.managed_company(admin, people.BRASSERIE)
        atelier = await people.managed_company(admin, people.ATELIER)
        await people.managed_company(admin, people.MENUISERIE)
        for email, names, profile in (
            ("marie@brasserie.example", ("Marie", "Dubois"), "Gérant"),
            ("assistant@brasserie.example", ("Tom", "Peeters"), "Assistant"),
        ):
            await people.company_user(admin, brasserie, email, names, profile)
        await people.company_user(
            admin, atelier, "luc@atelier.example", ("Luc", "Moreau"), "Gérant"
        )
        for company in (brasserie, atelier):
            await self._subscribe(company)
        self.stack.register(people.BRASSERIE["peppol_id"], at_ours=True)  # type: ignore[arg-type]
        for buyer in (people.COMPTOIR, people.QUINCAILLERIE):
            self.stack.register(str(buyer["peppol_id"]))
        self._tell("Cabinet Delcourt administers three companies; two have subscribed to invoicing")
        return admin, brasserie, atelier

    async def _subscribe(self, company: UUID) -> None:
        from services.portal.commands.activation import set_subscription
        from shared.database import connect
        from shared.events import Actor

        db = await connect(self.stack.environments["portal"]["PORTAL_DATABASE_URL"], max_size=1)
        try:
            operator = Actor(kind="system", id="operator")
            await set_subscription(db, company, "standard", ["invoicing"], 5, operator)
        finally:
            await db.close()

    async def _preconditions(self, admin: Person) -> None:
        company = await people.managed_company(admin, people.MENUISERIE)
        change = {"enabled": True, "profile_ids": []}
        path = f"/api/v1/companies/{company}/portal/billing/preview"

        async def heard_of() -> httpx.Response | None:
            answer = await admin.call("portal", "POST", path, json=change)
            return answer if answer.status_code not in (404, 503) else None

        refused = await until("the portal hearing of Menuiserie Janssens", heard_of)
        if refused.status_code != 409:
            raise Refused(f"an unsubscribed company was answered {refused.status_code}")
        self._tell(f"Menuiserie Janssens is refused: {refused.json()['detail']}")

    async def _switch_on(self, admin: Person, company: UUID, name: str, *profiles: str) -> None:
        path = f"/api/v1/companies/{company}/portal"

        async def known() -> dict[str, Any] | None:
            answer = await admin.call("portal", "GET", path)
            if answer.is_error:
                return None
            body: dict[str, Any] = answer.json()
            names = {p["name"] for p in body["profiles"]}
            ready = body["subscribed"] and body["users"] and set(profiles) <= names
            return body if ready else None

        portal = await until(f"the portal hearing of {name}", known)
        ids = [p["profile_id"] for p in portal["profiles"] if p["name"] in profiles]
        change = {"enabled": True, "profile_ids": ids}
        warning = await admin.ask("portal", "POST", f"{path}/billing/preview", json=change)
        confirmation = {**change, "preview": warning["preview"]}
        await admin.ask("portal", "PUT", f"{path}/billing", json=confirmation)
        gains = ", ".join(m["name"] for m in warning["gains"]) or "nobody new"
        self._tell(f"facturation is on for {name} ({', '.join(profiles)}); gains access: {gains}")

    async def _who_may(self, chosen: Person, other_email: str) -> None:
        async def allowed() -> bool:
            answers = [
                await chosen.call("billing", "GET", "/v1/drafts"),
                await chosen.call("delivery", "GET", "/v1/deliveries"),
            ]
            return all(a.status_code == 200 for a in answers)

        began = time.monotonic()
        await until("access for the chosen profile", allowed, 10, 0.01)
        other = await self._signed_in(other_email)
        refused = await other.call("billing", "GET", "/v1/drafts")
        if refused.status_code != 403:
            raise Refused(f"a profile that wasn't chosen was answered {refused.status_code}")
        self._tell(
            f"Marie (Gérant) reaches invoicing {1000 * (time.monotonic() - began):.0f} ms after the "
            "change; Tom (Assistant) gets 403"
        )

    async def _refused_by_the_rules(self, person: Person) -> None:
        customer = await self._customer(person, people.COMPTOIR)
        line = _line("Bière sans taux de TVA", "1", "10.00", "21") | {
            "vat": {"category": "E", "rate": "21"}
        }
        draft = await self._draft(person, customer, [line], "refused")
        answer = await person.call("billing", "POST", f"/v1/drafts/{draft}/issue")
        if answer.status_code != 422:
            raise Refused(f"a wrong invoice was answered {answer.status_code}")
        finding = answer.json()["findings"][0]
        self._tell(
            f"a wrong VAT category is refused, no number taken: {finding['rule']}, {finding['what_to_do']}"
        )
        await person.ask("billing", "DELETE", f"/v1/drafts/{draft}")

    async def _issue_and_prove(self, person: Person) -> None:
        customer = await self._customer(person, people.COMPTOIR)
        lines = [
            _line("Bière blonde, fût de 20 l", "12", "74.50", "21"),
            _line("Bière brune, caisse de 24", "30", "28.80", "21"),
            _line("Verres consignés", "48", "0.50", "21"),
        ]
        draft = await self._draft(person, customer, lines, str(time.time_ns()))
        invoice = await person.ask("billing", "POST", f"/v1/drafts/{draft}/issue")
        self._tell(
            f"{invoice['number']} issued: {invoice['amount_due']} {invoice['currency']} to "
            f"{invoice['buyer_name']}, official rules passed, trace {invoice['trace_id']}"
        )
        await self._prove(person, invoice)

    async def _french(self, person: Person) -> None:
        customer = await self._customer(person, people.QUINCAILLERIE)
        lines = [
            _line("Luminaire suspendu", "3", "189.00", "20"),
            _line("Pose", "4", "65.00", "20", "HUR"),
        ]
        draft = await self._draft(person, customer, lines, str(time.time_ns()))
        invoice = await person.ask("billing", "POST", f"/v1/drafts/{draft}/issue")
        self._tell(f"{invoice['number']} issued between French parties: BR-FR passed too")
        await self._prove(person, invoice)
        await self._official_example(person, customer)

    async def _official_example(self, person: Person, customer: str) -> None:
        example = self.corpus / "france" / "ubl" / "ubl-21-en16931.xml"
        if not example.exists():
            self._tell("official examples aren't here (shared/corpus): this step is skipped")
            return
        series = await self._series(person, "EX-")
        where = f"/v1/drafts/ubl?customer_id={customer}&series_id={series}"
        xml = {"Content-Type": "application/xml"}
        draft = await person.ask(
            "billing", "POST", where, content=example.read_bytes(), headers=xml
        )
        invoice = await person.ask("billing", "POST", f"/v1/drafts/{draft['draft_id']}/issue")
        self._tell(
            f"{invoice['number']}: the official French example, posted as UBL, issued as it is"
        )
        await self._prove(person, invoice, without=("peppol",))

    async def _series(self, person: Person, prefix: str) -> str:
        """A series of its own: the example keeps its date, which is before today's."""
        for series in await person.ask("billing", "GET", "/v1/series"):
            if series["prefix"] == prefix:
                return str(series["series_id"])
        made = await person.ask("billing", "POST", "/v1/series", json={"prefix": prefix})
        return str(made["series_id"])

    async def _customer(self, person: Person, state: dict[str, Any]) -> str:
        customer = stable_id(person.company_id, state["name"])
        ways = [self._way(channel, state) for channel in self.channels]
        await person.ask("delivery", "PUT", f"/v1/receptions/{customer}", json={"ways": ways})
        known = await person.call("billing", "GET", f"/v1/customers/{customer}")
        if known.status_code == 404:
            await person.ask("billing", "PUT", f"/v1/customers/{customer}", json=state)
        return customer

    def _way(self, channel: str, state: dict[str, Any]) -> dict[str, Any]:
        if channel == "email":
            return {"channel": channel, "settings": {"to": [state["email"]]}}
        if channel == "peppol":
            return {"channel": channel, "settings": {"participant": state["peppol_id"]}}
        server: dict[str, Any] = {
            "host": "127.0.0.1",
            "user": FILE_USER,
            "port": self.stack.ports[channel],
        }
        if channel == "sftp":
            server["host_key"] = self.stack.sftp_host_key
        else:
            server |= {"host": "localhost", "ca": self.stack.tls_authority}
        return {"channel": channel, "settings": server, "password": FILE_PASSWORD}

    async def _draft(
        self, person: Person, customer: str, lines: list[dict[str, Any]], key: str
    ) -> str:
        due = date.today() + timedelta(days=30)  # noqa: DTZ011 — a due date, in the demo
        content = {"due_date": due.isoformat(), "buyer_reference": "PO 4711", "lines": lines}
        body = {
            "draft_id": stable_id(person.company_id, key),
            "customer_id": customer,
            "content": content,
        }
        draft = await person.ask("billing", "POST", "/v1/drafts", json=body)
        return str(draft["draft_id"])

    async def _prove(
        self, person: Person, invoice: dict[str, Any], without: tuple[str, ...] = ()
    ) -> None:
        """Wait for the proof of each channel, and ask the peers themselves."""
        path = f"/v1/invoices/{invoice['invoice_id']}"

        async def settled() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = (await person.ask("billing", "GET", path))["deliveries"]
            over = [
                d for d in found if d["state"] in ("delivered", "exhausted", "refused", "undecided")
            ]
            return over if len(over) == len(self.channels) else None

        deliveries = await until(f"the deliveries of {invoice['number']}", settled, 90)
        made = await person.ask(
            "delivery", "GET", f"/v1/deliveries?invoice_id={invoice['invoice_id']}"
        )
        for delivery in deliveries:
            if delivery["state"] != "delivered" and delivery["channel"] in without:
                self.say(
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
                Row(invoice["number"], delivery["channel"], _proof(delivery), seconds, at_peer)
            )
            self.say(f"      {delivery['channel']:7} {_proof(delivery)}")

    async def _at_peer(self, delivery: dict[str, Any]) -> bool:
        """Exactly one copy, by the peer's own count."""
        channel, key = delivery["channel"], delivery["delivery_id"]
        async with httpx.AsyncClient(timeout=10) as client:
            if channel == "email":
                listed = (await client.get(self.stack.url("mailbox") + "/messages.json")).json()
                return sum(key in str(message) for message in listed) == 1
            if channel == "peppol":
                listed = (await client.get(self.stack.url("access-point") + "/received")).json()
                return bool(listed["by_instance"].get(key) == 1)
            listed = (await client.get(self.stack.url("filedrop") + "/files.json")).json()
        name = Path(delivery["proof"]["path"]).name
        return sum(Path(file["path"]).name == name for file in listed) == 1

    async def _receive(self, person: Person) -> None:
        """The other direction: their access point sends us official examples."""
        examples = sorted((self.corpus / "peppol" / "billing").glob("*.xml"))[:3]
        if not examples:
            return
        certificate = (self.stack.pki.folder / "PBE000001.pem").read_text()
        for example in examples:
            await self._send_to_us(example.name, example.read_text("utf-8"), certificate)

        async def listed() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = await person.ask("delivery", "GET", "/v1/purchases")
            return found if len(found) >= len(examples) else None

        purchases = await until("the purchases being listed", listed)
        numbers = ", ".join(p["number"] for p in purchases[: len(examples)])
        self._tell(
            f"{len(examples)} official examples received over Peppol, receipts signed: {numbers}"
        )

    async def _send_to_us(self, name: str, text: str, certificate: str) -> None:
        root = "CreditNote" if "<CreditNote" in text or ":CreditNote " in text else "Invoice"
        customization = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
        namespace = f"urn:oasis:names:specification:ubl:schema:xsd:{root}-2"
        message = {
            "url": self.stack.url("delivery") + "/as4",
            "certificate": certificate,
            "document": text,
            "sender": "0208:0123456749",
            "receiver": people.BRASSERIE["peppol_id"],
            "country": "BE",
            "document_type": f"{namespace}::{root}##{customization}::2.1",
            "process": "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
        }
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.post(self.stack.url("access-point") + "/send", json=message)
        if answer.is_error or not answer.json().get("accepted"):
            raise Refused(f"{name} was not accepted: {answer.text[:500]}")


def _line(name: str, quantity: str, price: str, rate: str, unit: str = "C62") -> dict[str, Any]:
    return {
        "quantity": quantity,
        "unit": unit,
        "price": {"net": price},
        "vat": {"category": "S", "rate": rate},
        "item": {"name": name},
    }


def _proof(delivery: dict[str, Any]) -> str:
    proof = delivery["proof"]
    if delivery["channel"] == "peppol":
        return f"receipt {proof.get('receipt_id', '')}".strip()
    if delivery["channel"] == "email":
        return str(delivery["words"])
    return f"{proof['path']} ({proof['size']} bytes)"
