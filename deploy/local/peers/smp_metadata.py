"""What an SMP says of a participant, in Peppol's XML."""

from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import serialization

SMP = "http://busdox.org/serviceMetadata/publishing/1.0/"
IDS = "http://busdox.org/transport/identifiers/1.0/"
WSA = "http://www.w3.org/2005/08/addressing"
SCHEME = "iso6523-actorid-upis"
BILLING = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
UBL = "urn:oasis:names:specification:ubl:schema:xsd"
DOCUMENTS = (
    f"busdox-docid-qns::{UBL}:Invoice-2::Invoice##{BILLING}::2.1",
    f"busdox-docid-qns::{UBL}:CreditNote-2::CreditNote##{BILLING}::2.1",
)
PROCESS = "cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"


@dataclass(frozen=True)
class Registration:
    """What one participant takes, where, and for whom it is to be encrypted."""

    participant: str
    endpoint: str
    certificate: x509.Certificate
    documents: tuple[str, ...] = DOCUMENTS
    process: str = PROCESS
    activates: str | None = None
    expires: str | None = None
    transport: str = "peppol-transport-as4-v2_0"
    redirect: tuple[str, str] | None = None
    """Another SMP's address of the metadata, and the UID of its certificate."""


def service_group(registration: Registration, base: str) -> bytes:
    """The list of what the participant takes, with the addresses of the metadata."""
    who = quote(f"{SCHEME}::{registration.participant}", safe="")
    references = "".join(
        f'<ServiceMetadataReference href="{base}/{who}/services/{quote(d, safe="")}"/>'
        for d in registration.documents
    )
    return (
        f'<ServiceGroup xmlns="{SMP}" xmlns:ids="{IDS}">{_participant(registration)}'
        f"<ServiceMetadataReferenceCollection>{references}</ServiceMetadataReferenceCollection>"
        f"</ServiceGroup>"
    ).encode()


def metadata(registration: Registration, document: str) -> bytes:
    """The metadata of one participant and document, still to be signed."""
    content = _information(registration, document)
    if registration.redirect:
        href, uid = registration.redirect
        content = (
            f'<Redirect href="{_xml(href)}"><CertificateUID>{_xml(uid)}</CertificateUID></Redirect>'
        )
    return (
        f'<SignedServiceMetadata xmlns="{SMP}"><ServiceMetadata>{content}</ServiceMetadata>'
        f"</SignedServiceMetadata>"
    ).encode()


def _xml(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _participant(registration: Registration) -> str:
    return (
        f'<ids:ParticipantIdentifier xmlns:ids="{IDS}" scheme="{SCHEME}">'
        f"{_xml(registration.participant)}</ids:ParticipantIdentifier>"
    )


def _information(registration: Registration, document: str) -> str:
    scheme, _, value = document.partition("::")
    process_scheme, _, process = registration.process.partition("::")
    der = b64encode(registration.certificate.public_bytes(serialization.Encoding.DER)).decode()
    starts = f"<ServiceActivationDate>{registration.activates}</ServiceActivationDate>"
    ends = f"<ServiceExpirationDate>{registration.expires}</ServiceExpirationDate>"
    return (
        f"<ServiceInformation>{_participant(registration)}"
        f'<ids:DocumentIdentifier xmlns:ids="{IDS}" scheme="{scheme}">{_xml(value)}</ids:DocumentIdentifier>'
        f"<ProcessList><Process>"
        f'<ids:ProcessIdentifier xmlns:ids="{IDS}" scheme="{process_scheme}">{_xml(process)}'
        f"</ids:ProcessIdentifier>"
        f'<ServiceEndpointList><Endpoint transportProfile="{registration.transport}">'
        f'<wsa:EndpointReference xmlns:wsa="{WSA}"><wsa:Address>{_xml(registration.endpoint)}</wsa:Address>'
        f"</wsa:EndpointReference>"
        f"<RequireBusinessLevelSignature>false</RequireBusinessLevelSignature>"
        f"{starts if registration.activates else ''}{ends if registration.expires else ''}"
        f"<Certificate>{der}</Certificate><ServiceDescription>Facteur local</ServiceDescription>"
        f"<TechnicalContactUrl>https://localhost/</TechnicalContactUrl>"
        f"</Endpoint></ServiceEndpointList></Process></ProcessList></ServiceInformation>"
    )
