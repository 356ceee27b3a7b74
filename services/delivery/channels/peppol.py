"""The Peppol channel: look the buyer up, build the message once, send it until a receipt proves it."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lxml import etree
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from services.delivery.channels.peppol_client import peppol_client
from services.delivery.domain.outcome import ChannelName, Failed, Job, Outcome, Refused, Unknown
from services.delivery.peppol import as4_message, as4_out, sbdh, trust
from services.delivery.peppol.lookup import LookupFailed, NotTold, NotTrusted
from services.delivery.peppol.participant import (
    BIS_PROCESS,
    DocumentTypeIdentifier,
    IdentifierError,
    ParticipantIdentifier,
    ProcessIdentifier,
)
from services.delivery.peppol.settings import PeppolSettings
from services.delivery.peppol.sml import Sml
from services.delivery.peppol.smp import Directory, Endpoint
from services.delivery.peppol.xml import Element, UnsafeXml, parse

CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
SELLER = f"{{{CAC}}}AccountingSupplierParty/{{{CAC}}}Party"
SELLER_COUNTRY = f"{SELLER}/{{{CAC}}}PostalAddress/{{{CAC}}}Country/{{{CBC}}}IdentificationCode"
WORTH_A_THREAD = 64 * 1024
"""Bytes of document from which building takes more than 5 ms."""


class PeppolRoute(BaseModel):
    """The settings of this way: who receives. The rest is the document's own unless said here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    participant: str
    """The buyer's participant, `0208:0123456749` (BT-49 with its scheme)."""
    sender: str | None = None
    """The seller's participant instead of the document's BT-34."""
    process: str | None = None
    """Instead of the document's ProfileID (BT-23)."""
    document_type: str | None = None
    """`scheme::value`, instead of what root and CustomizationID (BT-24) say."""

    @field_validator("participant", "sender")
    @classmethod
    def _participant(cls, value: str | None) -> str | None:
        return None if value is None else str(ParticipantIdentifier.parse(value))

    @field_validator("document_type")
    @classmethod
    def _document_type(cls, value: str | None) -> str | None:
        return None if value is None else str(DocumentTypeIdentifier.parse(value))


@dataclass(frozen=True)
class _Addressed:
    sender: ParticipantIdentifier
    receiver: ParticipantIdentifier
    kind: DocumentTypeIdentifier
    process: ProcessIdentifier
    country: str


class PeppolChannel:
    """One instance a worker process; it owns the pooled connections and the directory's cache."""

    name: ChannelName = "peppol"
    needs_readable = False

    def __init__(self, settings: PeppolSettings, *, allow_private: bool = False) -> None:
        """`allow_private`: also SMPs and access points at private and loopback addresses."""
        self._settings = settings
        self._client = peppol_client(settings, allow_private=allow_private)
        smp = replace(settings.smp, private_addresses=allow_private)
        self.directory = Directory(
            self._client, Sml(settings.sml), settings.smp_trust, settings.ap_trust, smp
        )

    async def prepare(self, job: Job) -> bytes | None:
        """The AS4 message for the buyer's access point; `Refused` when it can't be made (yet)."""
        addressed = _addressed(job)
        try:
            endpoint = await self.directory.find(
                addressed.receiver, addressed.kind, addressed.process
            )
        except LookupFailed as failed:
            raise Refused(failed.code, failed.words, retryable=failed.retryable) from failed
        try:
            if len(job.original.content) < WORTH_A_THREAD:
                return self._build(job, addressed, endpoint)
            return await asyncio.to_thread(self._build, job, addressed, endpoint)
        except sbdh.EnvelopeError as error:
            raise Refused("peppol.document", str(error)) from error

    def _build(self, job: Job, addressed: _Addressed, endpoint: Endpoint) -> bytes:
        envelope = sbdh.Envelope(
            sender=addressed.sender,
            receiver=addressed.receiver,
            document_type=endpoint.document_type,
            process=endpoint.process,
            country=addressed.country,
            instance_identifier=str(job.delivery_id),
            created=datetime.now(UTC),
        )
        return as4_message.build(
            self._settings.identity,
            endpoint.certificate,
            endpoint.address,
            envelope,
            job.original.content,
            message_id=f"{job.delivery_id}@facteur",
        ).to_bytes()

    async def send(self, job: Job) -> Outcome:
        """Send the stored bytes once."""
        if job.prepared is None:
            return Failed("the message was not prepared", "peppol.unprepared")
        prepared = as4_message.Prepared.from_bytes(job.prepared)
        outcome = self._distrusted(prepared) or await self._exchange(
            prepared, again=job.attempt > 1
        )
        if isinstance(outcome, Failed) and outcome.code not in ("peppol.busy", NotTold.code):
            return await self._looked_again(job, prepared, outcome)
        return outcome

    async def settle(self, job: Job) -> Outcome:
        """Send the very same bytes again: a receipt, or "duplicate", says that it had arrived.

        Nothing else says anything of the first copy. A peer that refuses this one, or can't be
        reached, may have the other.
        """
        if job.prepared is None:
            return Failed("nothing was sent: the message was not prepared", "peppol.unprepared")
        prepared = as4_message.Prepared.from_bytes(job.prepared)
        outcome = await self._exchange(prepared, again=True)
        if isinstance(outcome, Failed):
            return Unknown(f"not settled yet: {outcome.words}")
        return outcome

    def _distrusted(self, prepared: as4_message.Prepared) -> Failed | None:
        """Why nothing goes to the access point that the message was made for, maybe days ago."""
        try:
            self._settings.ap_trust.check(trust.load(prepared.peer_certificate))
        except trust.Outdated as outdated:
            return Failed(f"not sent: {outdated}", NotTold.code, ours=True)
        except trust.Untrusted as untrusted:
            return Failed(f"not sent: {untrusted}", NotTrusted.code, retryable=False)
        return None

    async def _exchange(self, prepared: as4_message.Prepared, *, again: bool) -> Outcome:
        return await as4_out.send(
            self._client,
            prepared,
            self._settings.ap_trust,
            again=again,
            seconds=self._settings.timeout_seconds,
        )

    async def _looked_again(
        self, job: Job, prepared: as4_message.Prepared, failed: Failed
    ) -> Failed:
        """A refusal where the directory names another endpoint or certificate by now, or where we
        have another one: the message is made anew for those, under its ids."""
        try:
            addressed = _addressed(job)
            endpoint = await self.directory.find_anew(
                addressed.receiver, addressed.kind, addressed.process
            )
        except Refused:
            return failed
        except LookupFailed as unknown:
            return replace(failed, retryable=failed.retryable or unknown.retryable)
        if prepared.is_for(endpoint.address, endpoint.certificate, self._settings.identity):
            return failed
        words = f"{failed.words}; the directory names another endpoint or certificate by now"
        return replace(failed, words=words, retryable=True, prepare_again=True)

    async def close(self) -> None:
        await self._client.aclose()


def _addressed(job: Job) -> _Addressed:
    """Who sends what to whom, by the route and the document; `Refused` names the field."""
    try:
        route = PeppolRoute.model_validate(dict(job.route))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        raise Refused("peppol.route", f"reception settings, {field}: {first['msg']}") from error
    try:
        document = parse(job.original.content, as4_message.MOST_DOCUMENT)
        kind = (
            DocumentTypeIdentifier.parse(route.document_type)
            if route.document_type
            else _kind(document)
        )
        process = route.process or _process(document)
        return _Addressed(
            sender=ParticipantIdentifier.read(route.sender) if route.sender else _sender(document),
            receiver=ParticipantIdentifier.read(route.participant),
            kind=kind,
            process=ProcessIdentifier(process),
            country=_text(
                document,
                f"{SELLER}/{{{CAC}}}PostalAddress/{{{CAC}}}Country/{{{CBC}}}IdentificationCode",
            ),
        )
    except (UnsafeXml, IdentifierError) as error:
        raise Refused("peppol.document", str(error)) from error


def _process(document: Element) -> str:
    """BT-23 where it is a process of Peppol's; a French billing framework (B1, M1 …) is none."""
    profile = _text(document, f"{{{CBC}}}ProfileID")
    return profile if profile.startswith("urn:") else BIS_PROCESS.value


def _kind(document: Element) -> DocumentTypeIdentifier:
    customization = _text(document, f"{{{CBC}}}CustomizationID")
    name = etree.QName(document)
    if not customization or not name.namespace:
        raise IdentifierError(
            "the document has no CustomizationID (BT-24): Peppol can't name its type"
        )
    version = _text(document, f"{{{CBC}}}UBLVersionID") or "2.1"
    return DocumentTypeIdentifier.of(name.namespace, name.localname, customization, version)


def _sender(document: Element) -> ParticipantIdentifier:
    endpoint = document.find(f"{SELLER}/{{{CBC}}}EndpointID")
    if endpoint is None:
        raise IdentifierError("the seller has no electronic address (BT-34), which Peppol needs")
    return ParticipantIdentifier.read(
        f"{endpoint.get('schemeID', '')}:{(endpoint.text or '').strip()}"
    )


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
