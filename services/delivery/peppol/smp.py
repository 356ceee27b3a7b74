"""SMP: from a participant and a document to the access point that takes it (Peppol SMP 1.4).

The metadata is signed; nothing of it is believed before the signature, whose certificate one of
the SMP authorities issued, and before it says what was asked.
"""

import asyncio
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import httpx
from cryptography import x509

from services.delivery.peppol.answer import UNENCODED, UnusableAnswer, read_answer
from services.delivery.peppol.lookup import Kept, NotRegistered, NotTold, NotTrusted, Unreachable
from services.delivery.peppol.metadata import IDS, SMP, WSA, active, check_asked, verified_signer
from services.delivery.peppol.participant import (
    DOCUMENT_WILDCARD,
    DocumentTypeIdentifier,
    IdentifierError,
    ParticipantIdentifier,
    ProcessIdentifier,
)
from services.delivery.peppol.sml import Sml
from services.delivery.peppol.trust import Outdated, Trust, Untrusted, load, name_of
from services.delivery.peppol.xml import Element, UnsafeXml, only, parse, require, text

AS4_TRANSPORT: Final = "peppol-transport-as4-v2_0"
MOST_METADATA: Final = 512 * 1024
KEPT_SECONDS: Final = 600.0


@dataclass(frozen=True)
class SmpSettings:
    """`plain_on_loopback` permits http to 127.0.0.1, ::1 and localhost: the embedded network."""

    plain_on_loopback: bool = False
    private_addresses: bool = False
    """Whether metadata may name addresses that aren't public; names are judged at the connection."""
    seconds: float = 30.0
    """How long one look-up may take, all its requests together."""


@dataclass(frozen=True)
class Endpoint:
    """Where a participant takes a kind of document, and the certificate to encrypt for."""

    address: str
    certificate: x509.Certificate
    document_type: DocumentTypeIdentifier
    """As it is to be named in the message; its scheme is the wildcard one when so registered."""
    process: ProcessIdentifier


class Directory:
    """Look-ups through SML and SMP, kept for ten minutes."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        sml: Sml,
        smp_trust: Trust,
        ap_trust: Trust,
        settings: SmpSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._sml, self._settings, self._clock = client, sml, settings, clock
        self._smp_trust, self._ap_trust = smp_trust, ap_trust
        self._kept: Kept[Endpoint] = Kept()

    async def find(
        self,
        participant: ParticipantIdentifier,
        kind: DocumentTypeIdentifier,
        process: ProcessIdentifier,
    ) -> Endpoint:
        """The AS4 endpoint for that document; `LookupFailed` says why there is none."""
        key = f"{str(participant).lower()} {kind} {process}"
        endpoint = self._kept.get(key, self._clock())
        if endpoint is None:
            smp = await self._sml.smp_address(participant)
            try:
                async with asyncio.timeout(self._settings.seconds):
                    endpoint = await self._ask(smp, participant, kind, process)
            except TimeoutError as error:
                words = f"the SMP takes longer than {self._settings.seconds:.0f} seconds"
                raise Unreachable(words) from error
            except (UnsafeXml, IdentifierError) as error:
                raise NotTrusted(f"the SMP's answer is not usable: {error}") from error
            self._kept.put(key, endpoint, self._clock() + KEPT_SECONDS)
        return endpoint

    async def find_anew(
        self,
        participant: ParticipantIdentifier,
        kind: DocumentTypeIdentifier,
        process: ProcessIdentifier,
    ) -> Endpoint:
        """As `find`, of what is kept nothing: the access point refused what we knew of it."""
        self._sml.forget(participant)
        self._kept.forget(f"{str(participant).lower()} {kind} {process}")
        return await self.find(participant, kind, process)

    async def _ask(
        self,
        smp: str,
        participant: ParticipantIdentifier,
        kind: DocumentTypeIdentifier,
        process: ProcessIdentifier,
    ) -> Endpoint:
        registered = kind
        metadata = await self._get(_metadata_address(smp, participant, kind))
        if metadata is None:
            registered = await self._wildcard(smp, participant, kind)
            metadata = await self._get(_metadata_address(smp, participant, registered))
        if metadata is None:
            raise NotRegistered(f"{participant} is not registered for {kind.value}")
        information = await self._information(metadata)
        check_asked(information, participant, registered)
        named = DocumentTypeIdentifier(kind.value, registered.scheme)
        return self._endpoint(information, participant, named, process)

    async def _wildcard(
        self, smp: str, participant: ParticipantIdentifier, kind: DocumentTypeIdentifier
    ) -> DocumentTypeIdentifier:
        """The registered wildcard type that takes this document, the most specific one."""
        group = await self._get(f"{smp}/{quote(participant.qualified, safe='')}")
        matching = []
        if group is not None:
            for reference in parse(group, MOST_METADATA).iter(f"{{{SMP}}}ServiceMetadataReference"):
                named = unquote(reference.get("href", "").rpartition("/services/")[2])
                if named.startswith(f"{DOCUMENT_WILDCARD}::"):
                    registered = DocumentTypeIdentifier.parse(named)
                    matching += [registered] if kind.matched_by(registered) else []
        if not matching:
            raise NotRegistered(f"{participant} is not registered for {kind.value}")
        return max(matching, key=lambda m: len(m.customization))

    async def _information(self, metadata: bytes) -> Element:
        """The signed ServiceInformation, one redirect followed."""
        content, signer = self._signed(metadata)
        redirect = content.find(f"{{{SMP}}}Redirect")
        if redirect is not None:
            expected = text(redirect, f"{{{SMP}}}CertificateUID")
            redirected = await self._get(redirect.get("href", ""))
            if redirected is None:
                raise NotRegistered("the SMP redirects to one that doesn't know the participant")
            content, signer = self._signed(redirected)
            require(content.find(f"{{{SMP}}}Redirect") is None, "the SMP redirects more than once")
            if expected not in (name_of(signer), signer.subject.rfc4514_string()):
                raise NotTrusted(f"the SMP redirected to is {name_of(signer)}, not {expected}")
        return only(content, f"{{{SMP}}}ServiceInformation")

    def _signed(self, metadata: bytes) -> tuple[Element, x509.Certificate]:
        root = parse(metadata, MOST_METADATA)
        signer = verified_signer(root, self._smp_trust)
        return only(root, f"{{{SMP}}}ServiceMetadata"), signer

    def _endpoint(
        self,
        information: Element,
        participant: ParticipantIdentifier,
        kind: DocumentTypeIdentifier,
        process: ProcessIdentifier,
    ) -> Endpoint:
        now = self._ap_trust.now()
        for offered in only(information, f"{{{SMP}}}ProcessList").findall(f"{{{SMP}}}Process"):
            identifier = only(offered, f"{{{IDS}}}ProcessIdentifier")
            if (identifier.get("scheme"), (identifier.text or "").strip()) != (
                process.scheme,
                process.value,
            ):
                continue
            for endpoint in only(offered, f"{{{SMP}}}ServiceEndpointList").findall(
                f"{{{SMP}}}Endpoint"
            ):
                if endpoint.get("transportProfile") == AS4_TRANSPORT and active(endpoint, now):
                    return self._checked(endpoint, participant, kind, process)
        raise NotRegistered(
            f"{participant} has no active AS4 endpoint for {kind.root} in {process.value}"
        )

    def _checked(
        self,
        endpoint: Element,
        participant: ParticipantIdentifier,
        kind: DocumentTypeIdentifier,
        process: ProcessIdentifier,
    ) -> Endpoint:
        address = text(only(endpoint, f"{{{WSA}}}EndpointReference"), f"{{{WSA}}}Address")
        self._check_address(address)
        try:
            certificate = load(b64decode("".join(text(endpoint, f"{{{SMP}}}Certificate").split())))
            self._ap_trust.check(certificate)
        except Outdated as outdated:
            raise NotTold(str(outdated)) from outdated
        except (ValueError, Untrusted) as error:
            raise NotTrusted(
                f"the access point of {participant} is not trusted: {error}"
            ) from error
        return Endpoint(address, certificate, kind, process)

    async def _get(self, address: str) -> bytes | None:
        """The body, `None` for 404; at most `MOST_METADATA` bytes, no HTTP redirects."""
        self._check_address(address)
        try:
            async with self._client.stream(
                "GET", address, headers=UNENCODED, follow_redirects=False
            ) as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    return None
                if response.status_code != httpx.codes.OK:
                    raise Unreachable(f"the SMP answers HTTP {response.status_code}")
                return await read_answer(response, MOST_METADATA)
        except UnusableAnswer as unusable:
            raise NotTrusted(f"the SMP's answer {unusable}") from unusable
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unreachable(
                f"the SMP doesn't answer: {type(error).__name__} {str(error)[:200]}"
            ) from error

    def _check_address(self, address: str) -> None:
        parts = urlsplit(address)
        host = parts.hostname or ""
        if not host or parts.username is not None:
            raise NotTrusted(f"{address[:200]!r} is no address of an SMP or access point")
        if (
            self._settings.plain_on_loopback
            and _is_loopback(host)
            and parts.scheme in ("http", "https")
        ):
            return
        if parts.scheme != "https":
            raise NotTrusted(f"{address[:200]} is not https")
        if _is_private(host) and not self._settings.private_addresses:
            raise NotTrusted(f"{address[:200]} is not a public address")


def _metadata_address(
    smp: str, participant: ParticipantIdentifier, kind: DocumentTypeIdentifier
) -> str:
    return f"{smp}/{quote(participant.qualified, safe='')}/services/{quote(str(kind), safe='')}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost"
