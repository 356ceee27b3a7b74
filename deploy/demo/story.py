"""The main job, played through the public surfaces: switch facturation on, issue, deliver, prove."""

import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from deploy.demo import activation, incoming, paperwork, people
from deploy.demo.people import Person, Refused
from deploy.demo.proofs import Proofs, Row
from deploy.local.stack import Stack

Say = Callable[[str], None]


class Story:
    """Plays everything once against a running stack."""

    def __init__(self, stack: Stack, say: Say, corpus: Path, channels: tuple[str, ...]) -> None:
        self.stack, self.say, self.corpus, self.channels = stack, say, corpus, channels
        self.urls = {
            name: stack.url(name)
            for name in ("identity", "portal", "billing", "delivery", "mailbox")
        }
        self.proofs = Proofs(stack, channels, say)
        self.step = 0
        self._people: list[Person] = []

    async def play(self) -> list[Row]:
        """The whole story; raises Refused or NeverCame at the first thing that fails."""
        try:
            admin, brasserie, atelier = await self._set_up()
            trainee = await self._signed_in(people.TRAINEE)
            await activation.preconditions(self.stack, admin, trainee, self._tell)
            await self._switch_on(admin, brasserie, "Brasserie du Parc", "Gérant", "Comptable")
            await self._switch_on(admin, atelier, "Atelier Lumière", "Gérant")
            marie = await self._signed_in("marie@brasserie.example")
            await self._who_may(marie, await self._signed_in("assistant@brasserie.example"))
            await self._refused_by_the_rules(marie)
            await self._issue_and_prove(marie)
            luc = await self._signed_in("luc@atelier.example")
            await self._french(luc)
            if "peppol" in self.channels:
                await self._incoming(marie)
        finally:
            for person in self._people:
                await person.close()
        return self.proofs.rows

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
        await people.company_user(admin, admin.company_id, people.TRAINEE, ("Hugo", "Martin"), None)
        for email, names, profile in (
            ("marie@brasserie.example", ("Marie", "Dubois"), "Gérant"),
            ("assistant@brasserie.example", ("Tom", "Peeters"), "Assistant"),
        ):
            await people.company_user(admin, brasserie, email, names, profile)
        await people.company_user(
            admin, atelier, "luc@atelier.example", ("Luc", "Moreau"), "Gérant"
        )
        for company in (brasserie, atelier):
            await activation.subscribe(self.stack, company, "invoicing")
        self.stack.register(people.BRASSERIE["peppol_id"], at_ours=True)  # type: ignore[arg-type]
        for buyer in (people.COMPTOIR, people.QUINCAILLERIE):
            self.stack.register(str(buyer["peppol_id"]))
        self._tell("Cabinet Delcourt administers three companies; two have subscribed to invoicing")
        return admin, brasserie, atelier

    async def _switch_on(self, admin: Person, company: UUID, name: str, *profiles: str) -> None:
        gains = await activation.switch_on(admin, company, name, *profiles)
        self._tell(f"facturation is on for {name} ({', '.join(profiles)}); gains access: {gains}")

    async def _who_may(self, chosen: Person, other: Person) -> None:
        took = await activation.who_may(chosen, other)
        self._tell(
            f"Marie (Gérant) reaches invoicing {1000 * took:.0f} ms after the change; "
            "Tom (Assistant) has no link to it and gets 403"
        )

    async def _refused_by_the_rules(self, person: Person) -> None:
        customer = await paperwork.customer(self.stack, self.channels, person, people.COMPTOIR)
        line = paperwork.line("Bière sans taux de TVA", "1", "10.00", "21") | {
            "vat": {"category": "E", "rate": "21"}
        }
        draft = await paperwork.draft(person, customer, [line], "refused")
        answer = await person.call("billing", "POST", f"/v1/drafts/{draft}/issue")
        if answer.status_code != 422:
            raise Refused(f"a wrong invoice was answered {answer.status_code}")
        finding = answer.json()["findings"][0]
        self._tell(
            f"a wrong VAT category is refused, no number taken: {finding['rule']}, {finding['what_to_do']}"
        )
        await person.ask("billing", "DELETE", f"/v1/drafts/{draft}")

    async def _issue_and_prove(self, person: Person) -> None:
        customer = await paperwork.customer(self.stack, self.channels, person, people.COMPTOIR)
        lines = [
            paperwork.line("Bière blonde, fût de 20 l", "12", "74.50", "21"),
            paperwork.line("Bière brune, caisse de 24", "30", "28.80", "21"),
            paperwork.line("Verres consignés", "48", "0.50", "21"),
        ]
        draft = await paperwork.draft(person, customer, lines, str(time.time_ns()))
        invoice = await person.ask("billing", "POST", f"/v1/drafts/{draft}/issue")
        self._tell(
            f"{invoice['number']} issued: {invoice['amount_due']} {invoice['currency']} to "
            f"{invoice['buyer_name']}, official rules passed, trace {invoice['trace_id']}"
        )
        await self.proofs.prove(person, invoice)

    async def _french(self, person: Person) -> None:
        customer = await paperwork.customer(self.stack, self.channels, person, people.QUINCAILLERIE)
        lines = [
            paperwork.line("Luminaire suspendu", "3", "189.00", "20"),
            paperwork.line("Pose", "4", "65.00", "20", "HUR"),
        ]
        draft = await paperwork.draft(person, customer, lines, str(time.time_ns()))
        invoice = await person.ask("billing", "POST", f"/v1/drafts/{draft}/issue")
        self._tell(f"{invoice['number']} issued between French parties: BR-FR passed too")
        await self.proofs.prove(person, invoice)
        await self._official_example(person, customer)

    async def _official_example(self, person: Person, customer: str) -> None:
        example = self.corpus / "france" / "ubl" / "ubl-21-en16931.xml"
        if not example.exists():
            self._tell("official examples aren't here (shared/corpus): this step is skipped")
            return
        # a series of its own: the example keeps its date, which is before today's
        series = await paperwork.series(person, "EX-")
        where = f"/v1/drafts/ubl?customer_id={customer}&series_id={series}"
        xml = {"Content-Type": "application/xml"}
        draft = await person.ask(
            "billing", "POST", where, content=example.read_bytes(), headers=xml
        )
        invoice = await person.ask("billing", "POST", f"/v1/drafts/{draft['draft_id']}/issue")
        self._tell(
            f"{invoice['number']}: the official French example, posted as UBL, issued as it is"
        )
        await self.proofs.prove(person, invoice, without=("peppol",))

    async def _incoming(self, person: Person) -> None:
        numbers = await incoming.receive(self.stack, self.corpus, person)
        if numbers:
            self._tell(
                f"{len(numbers)} official examples received over Peppol, receipts signed: "
                + ", ".join(numbers)
            )
