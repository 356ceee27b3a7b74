"""A small Peppol network on loopback: certificates, directory, a peer, and our channel."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from cryptography import x509

from deploy.local.peers.access_point import AccessPoint, Options
from deploy.local.peers.registry import Registry, Serving, serve
from deploy.local.peers.smp_metadata import Registration
from deploy.local.pki import Pki
from services.delivery.channels.peppol import PeppolChannel
from services.delivery.domain.outcome import Attachment, Job
from services.delivery.peppol.dsig import Identity
from services.delivery.peppol.settings import PeppolSettings

OURS, THEIRS = "PBE000001", "PFR000002"
SELLER, BUYER = "0208:0123456749", "0225:552100554"
CORPUS = Path(os.environ.get("FACTEUR_CORPUS", Path(__file__).parents[5] / "shared" / "corpus"))

INVOICE = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" \
xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" \
xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0</cbc:CustomizationID>
<cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>
<cbc:ID>{number}</cbc:ID><cbc:Note>{note}</cbc:Note>
<cac:AccountingSupplierParty><cac:Party><cbc:EndpointID schemeID="0208">0123456749</cbc:EndpointID>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>{country}</cbc:IdentificationCode></cac:Country>
</cac:PostalAddress></cac:Party></cac:AccountingSupplierParty></Invoice>
"""


def invoice(
    number: str = "F-1", *, note: str = "été €", country: str = "BE", size: int = 0
) -> bytes:
    """A UBL invoice, as much of it as transport looks at; `size` pads the note."""
    return INVOICE.format(number=number, note=note + "x" * size, country=country).encode()


def identity(pki: Pki, ap_id: str) -> Identity:
    issued = pki.access_point(ap_id)
    return Identity.from_pem(issued.pem, issued.key_pem)


def settings(pki: Pki, zone: Serving | None = None, timeout: float = 20.0) -> PeppolSettings:
    folder = pki.folder
    pki.access_point(OURS)
    return PeppolSettings(
        certificate=folder / f"{OURS}.pem",
        key=folder / f"{OURS}.key",
        ap_authorities=(folder / "root-ca.pem", folder / "ap-ca.pem"),
        ap_revocations=(pki.crl,),
        smp_authorities=(folder / "root-ca.pem", folder / "smp-ca.pem"),
        tls_authorities=folder / "tls-ca.pem",
        sml_zone="sml.facteur.test",
        sml_nameserver="127.0.0.1" if zone else None,
        sml_port=zone.dns_port if zone else 53,
        plain_on_loopback=True,
        timeout_seconds=timeout,
    )


def job(
    document: bytes,
    *,
    participant: str = BUYER,
    delivery_id: UUID | None = None,
    prepared: bytes | None = None,
) -> Job:
    return Job(
        delivery_id=delivery_id or uuid4(),
        invoice_id=uuid4(),
        company_id=uuid4(),
        attempt=1,
        number="F-1",
        document_kind="invoice",
        seller_name="Seller",
        buyer_name="Buyer",
        language="fr",
        amount_due="10.00",
        currency="EUR",
        due_date="2026-12-31",
        route={"participant": participant},
        secrets={},
        original=Attachment(
            "F-1.xml", "application/xml", document, hashlib.sha256(document).hexdigest()
        ),
        readable=None,
        prepared=prepared,
    )


@dataclass
class Network:
    """The directory, one peer that serves the buyer, and a channel that delivers to it."""

    pki: Pki
    registry: Registry
    serving: Serving
    peer: AccessPoint
    channel: PeppolChannel
    settings: PeppolSettings = field(repr=False)

    @classmethod
    async def start(cls, pki: Pki, folder: Path) -> "Network":
        smp = pki.smp()
        registry = Registry(smp.certificate, smp.key_pem)
        serving = await serve(lambda: registry)
        theirs = pki.access_point(THEIRS)
        peer = AccessPoint(
            Options(
                folder=folder,
                certificate=pki.folder / f"{THEIRS}.pem",
                key=pki.folder / f"{THEIRS}.key",
                authority=[pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"],
            )
        )
        wanted = settings(pki, serving)
        network = cls(pki, registry, serving, peer, PeppolChannel(wanted), wanted)
        network.register(BUYER, f"{peer.url}/as4", theirs.certificate)
        return network

    def register(
        self, participant: str, endpoint: str, certificate: x509.Certificate, **more: object
    ) -> None:
        self.registry.register(Registration(participant, endpoint, certificate, **more))  # type: ignore[arg-type]

    async def stop(self) -> None:
        await self.channel.close()
        await self.peer.close()
        await self.serving.stop()
