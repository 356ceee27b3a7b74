"""What an SMP publishes: whether it is signed by whom it should be, and says what was asked."""

from base64 import b64decode
from datetime import datetime
from typing import Final

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from services.delivery.peppol import names as n
from services.delivery.peppol.lookup import NotTold, NotTrusted
from services.delivery.peppol.participant import (
    PARTICIPANT_SCHEME,
    DocumentTypeIdentifier,
    ParticipantIdentifier,
)
from services.delivery.peppol.trust import Outdated, Trust, Untrusted, load
from services.delivery.peppol.xml import Element, UnsafeXml, only, require, text

SMP: Final = "http://busdox.org/serviceMetadata/publishing/1.0/"
IDS: Final = "http://busdox.org/transport/identifiers/1.0/"
WSA: Final = "http://www.w3.org/2005/08/addressing"
_ENVELOPED: Final = f"{n.DS}enveloped-signature"
_TRANSFORMS: Final = frozenset(
    {
        _ENVELOPED,
        n.C14N_EXCLUSIVE,
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
    }
)


def verified_signer(root: Element, trust: Trust) -> x509.Certificate:
    """Verify the one enveloped signature over the whole document; return whose it is."""
    require(
        root.tag == f"{{{SMP}}}SignedServiceMetadata",
        "the SMP's answer is no SignedServiceMetadata",
    )
    signature = only(root, f"{{{n.DS}}}Signature")
    signed_info = only(signature, f"{{{n.DS}}}SignedInfo")
    reference = only(signed_info, f"{{{n.DS}}}Reference")
    transforms = [t.get("Algorithm") for t in only(reference, f"{{{n.DS}}}Transforms")]
    whole = (
        reference.get("URI") == ""
        and transforms[:1] == [_ENVELOPED]
        and set(transforms) <= _TRANSFORMS
    )
    require(whole, "the SMP's signature doesn't cover the whole answer")
    method = only(signed_info, f"{{{n.DS}}}SignatureMethod").get("Algorithm", "")
    digest = only(reference, f"{{{n.DS}}}DigestMethod").get("Algorithm", "")
    require(method in n.SIGNATURES and digest in n.DIGESTS, f"the SMP's signature uses {method}")
    data = only(only(signature, f"{{{n.DS}}}KeyInfo"), f"{{{n.DS}}}X509Data")
    try:
        certificate = load(b64decode(text(data, f"{{{n.DS}}}X509Certificate")))
        trust.check(certificate)
        context = xmlsec.SignatureContext()
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
        context.verify(signature)
    except Outdated as outdated:
        raise NotTold(str(outdated)) from outdated
    except (ValueError, Untrusted) as error:
        raise NotTrusted(f"the SMP is not trusted: {error}") from error
    except xmlsec.Error as error:
        raise NotTrusted("the SMP's signature doesn't verify") from error
    return certificate


def check_asked(
    information: Element, participant: ParticipantIdentifier, kind: DocumentTypeIdentifier
) -> None:
    named = only(information, f"{{{IDS}}}ParticipantIdentifier")
    document = only(information, f"{{{IDS}}}DocumentIdentifier")
    same_participant = named.get("scheme") == PARTICIPANT_SCHEME and ParticipantIdentifier.read(
        text(information, f"{{{IDS}}}ParticipantIdentifier")
    ).same_as(participant)
    same_document = (document.get("scheme"), (document.text or "").strip()) == (
        kind.scheme,
        kind.value,
    )
    if not same_participant or not same_document:
        raise NotTrusted("the SMP answers for another participant or document than asked")


def active(endpoint: Element, now: datetime) -> bool:
    starts, ends = (endpoint.find(f"{{{SMP}}}Service{w}Date") for w in ("Activation", "Expiration"))
    return (starts is None or _moment(starts, now) <= now) and (
        ends is None or now < _moment(ends, now)
    )


def _moment(element: Element, now: datetime) -> datetime:
    """A date of the metadata; one without a zone is in UTC."""
    try:
        moment = datetime.fromisoformat((element.text or "").strip())
    except ValueError as error:
        raise UnsafeXml(f"{(element.text or '')[:40]!r} is no date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
