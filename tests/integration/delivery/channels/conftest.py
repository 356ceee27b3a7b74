"""Jobs to deliver, and the embedded peers to deliver them to."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local.peers import filedrop, mailbox
from deploy.local.pki import Pki
from services.delivery.channels.email import EmailChannel
from services.delivery.channels.email_settings import SmtpServer
from services.delivery.channels.files import FileSettings
from services.delivery.channels.ftps import FtpsChannel
from services.delivery.channels.sftp import SftpChannel
from services.delivery.domain.outcome import Attachment, Job

ORIGINAL = (
    b"<?xml version='1.0' encoding='UTF-8'?>\n<Invoice>" + b"\xc3\xa9" * 5000 + b"</Invoice>\n"
)
READABLE = b"%PDF-1.7\n" + bytes(range(256)) * 100

JobFactory = Callable[..., Job]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki.at(tmp_path_factory.mktemp("pki"))
    made.server()
    return made


@pytest.fixture
async def mail_peer(tmp_path: Path, pki: Pki) -> AsyncIterator[mailbox.Mailbox]:
    peer = await mailbox.Mailbox(
        mailbox.Options(
            tmp_path / "mail", pki.folder / "tls-localhost.pem", pki.folder / "tls-localhost.key"
        )
    ).start()
    yield peer
    await peer.close()


@pytest.fixture
async def file_peer(tmp_path: Path, pki: Pki) -> AsyncIterator[filedrop.Filedrop]:
    peer = await filedrop.Filedrop(
        filedrop.Options(
            tmp_path / "drop", pki.folder / "tls-localhost.pem", pki.folder / "tls-localhost.key"
        )
    ).start()
    yield peer
    await peer.close()


@pytest.fixture
def smtp_server(mail_peer: mailbox.Mailbox, pki: Pki) -> SmtpServer:
    return SmtpServer(
        host="localhost",
        port=mail_peer.ports["smtp"],
        sender="billing@seller.example",
        ca_file=pki.folder / "tls-ca.pem",
        timeout_seconds=5,
    )


@pytest.fixture
async def email(smtp_server: SmtpServer) -> AsyncIterator[EmailChannel]:
    channel = EmailChannel(smtp_server, reports=True)
    yield channel
    await channel.close()


@pytest.fixture
def local_files() -> FileSettings:
    return FileSettings(allow_private_addresses=True, timeout_seconds=5)


@pytest.fixture
async def sftp(local_files: FileSettings) -> AsyncIterator[SftpChannel]:
    channel = SftpChannel(local_files)
    yield channel
    await channel.close()


@pytest.fixture
async def ftps(local_files: FileSettings) -> AsyncIterator[FtpsChannel]:
    channel = FtpsChannel(local_files)
    yield channel
    await channel.close()


@pytest.fixture
def job() -> JobFactory:
    """`job(route=…)` makes a delivery of one small invoice."""

    def make(**changed: object) -> Job:
        values: dict[str, object] = {
            "delivery_id": uuid4(),
            "invoice_id": uuid4(),
            "company_id": uuid4(),
            "attempt": 1,
            "number": "2026/00042",
            "document_kind": "invoice",
            "seller_name": "Brasserie de l’Étoile, SRL",
            "buyer_name": "Comptoir Général",
            "language": "fr",
            "amount_due": "1234.50",
            "currency": "EUR",
            "due_date": "2026-12-22",
            "route": {},
            "secrets": {"password": "facteur"},
            "original": attachment("2026-00042.xml", "application/xml", ORIGINAL),
            "readable": attachment("2026-00042.pdf", "application/pdf", READABLE),
            "prepared": None,
            "envelope_id": f"{uuid4()}.{uuid4().hex}",
        }
        return Job(**{**values, **changed})  # type: ignore[arg-type]

    return make


def attachment(name: str, media_type: str, content: bytes) -> Attachment:
    return Attachment(name, media_type, content, hashlib.sha256(content).hexdigest())
