"""The same channels against Debian's postfix, vsftpd and OpenSSH: servers that we didn't write."""

import asyncio
import dataclasses
import getpass
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.pki import Pki
from deploy.local.process import stop
from services.delivery.channels.email import EmailChannel
from services.delivery.channels.email_reports import Report, read_reports
from services.delivery.channels.email_settings import SmtpServer
from services.delivery.channels.ftps import FtpsChannel
from services.delivery.channels.sftp import SftpChannel
from services.delivery.domain.outcome import Delivered, Failed
from tests.integration.delivery.channels import debian
from tests.integration.delivery.channels.conftest import ORIGINAL, JobFactory

Mail = tuple[SmtpServer, Path]


@pytest.fixture(scope="module")
def tls(pki: Pki) -> tuple[Path, Path]:
    return pki.folder / "tls-localhost.pem", pki.folder / "tls-localhost.key"


@pytest.fixture(scope="module")
def place(workplace: Path, pki: Pki) -> Path:
    del pki
    return workplace / "debian"


@pytest.fixture(scope="module")
def postfix(place: Path, tls: tuple[Path, Path], pki: Pki) -> Iterator[Mail]:
    running, port, mail = debian.postfix(place / "postfix", *tls)
    server = SmtpServer(
        host="localhost", port=port, sender=debian.SENDER, ca_file=pki.folder / "tls-ca.pem"
    )
    yield server, mail
    stop(running)


@pytest.fixture
async def postfix_channel(postfix: Mail) -> AsyncIterator[EmailChannel]:
    channel = EmailChannel(postfix[0])
    yield channel
    await channel.close()


async def arrived(folder: Path, holding: bytes) -> bytes:
    """The message in a Maildir that holds these bytes, once it is there."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        for content in messages(folder):
            if holding in content:
                return content
        await asyncio.sleep(0.05)
    raise AssertionError(f"nothing with {holding!r} arrived in {folder}")


def messages(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in (folder / "new").glob("*")]


async def test_postfix_delivers_and_reports(
    postfix: Mail, postfix_channel: EmailChannel, job: JobFactory
) -> None:
    asked = job(route={"to": ["achats@buyer.example"]})
    ready = dataclasses.replace(asked, prepared=await postfix_channel.prepare(asked))
    outcome = await postfix_channel.send(ready)
    assert isinstance(outcome, Delivered), outcome
    assert "queued as" in outcome.words

    content = await arrived(postfix[1] / "achats", asked.envelope_id.encode())
    sent = (ready.prepared or b"").replace(b"\r\n", b"\n")
    # postfix puts its own header lines on top, the rest is what was sent
    assert content.endswith(sent)

    [report] = await reports(postfix[1], ready.envelope_id)
    assert (report.fate, report.recipient) == ("delivered", "achats@buyer.example")


async def test_postfix_bounces_are_read(
    postfix: Mail, postfix_channel: EmailChannel, job: JobFactory
) -> None:
    asked = job(route={"to": ["achats@buyer.example", "nobody@buyer.example"]})
    ready = dataclasses.replace(asked, prepared=await postfix_channel.prepare(asked))
    outcome = await postfix_channel.send(ready)
    assert isinstance(outcome, Delivered)
    assert "nobody@buyer.example: 550 5.1.1" in outcome.proof["refused"]

    alone = job(route={"to": ["nobody@buyer.example"]})
    ready = dataclasses.replace(alone, prepared=await postfix_channel.prepare(alone))
    refused = await postfix_channel.send(ready)
    assert isinstance(refused, Failed)
    assert not refused.retryable


async def reports(mail: Path, envelope_id: str) -> list[Report]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        for content in messages(mail / "billing"):
            found = read_reports(content)
            if found and found[0].envelope_id == envelope_id:
                return found
        await asyncio.sleep(0.05)
    raise AssertionError("no report came back")


async def test_vsftpd_takes_many_uploads_with_session_reuse(
    place: Path, tls: tuple[Path, Path], pki: Pki, ftps: FtpsChannel, job: JobFactory
) -> None:
    running, port, inbox = debian.vsftpd(place / "vsftpd", *tls)
    try:
        route = {
            "host": "localhost",
            "port": port,
            "user": "anonymous",
            "folder": "in",
            "ca": (pki.folder / "tls-ca.pem").read_text(),
        }
        jobs = [job(route=route, number=f"V{n}") for n in range(12)]
        outcomes = await asyncio.gather(*(ftps.send(one) for one in jobs))
        assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
        assert sorted(path.name for path in inbox.iterdir()) == sorted(
            f"{one.number}_{one.delivery_id.hex}.xml" for one in jobs
        )
        assert {path.read_bytes() for path in inbox.iterdir()} == {ORIGINAL}
        settled = await ftps.settle(jobs[0])
        assert isinstance(settled, Delivered)
        nowhere = await ftps.send(job(route={**route, "folder": "nowhere"}))
        assert isinstance(nowhere, Failed)
        assert nowhere.words.startswith("553")
    finally:
        await ftps.close()
        stop(running)


async def test_openssh_takes_uploads_by_key(
    place: Path, sftp: SftpChannel, job: JobFactory, tmp_path: Path
) -> None:
    running, port, host_key, user_key = debian.sshd(place / "sshd")
    try:
        inbox = tmp_path / "in"
        inbox.mkdir()
        route = {
            "host": "127.0.0.1",
            "port": port,
            "user": getpass.getuser(),
            "folder": str(inbox),
            "host_key": " ".join(host_key.split()[:2]),
        }
        jobs = [job(route=route, secrets={"private_key": user_key}) for _ in range(12)]
        outcomes = await asyncio.gather(*(sftp.send(one) for one in jobs))
        assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
        assert {path.read_bytes() for path in inbox.iterdir()} == {ORIGINAL}
        assert len(list(inbox.iterdir())) == 12
        assert isinstance(await sftp.settle(jobs[0]), Delivered)
        stranger = job(route=route, secrets={"password": "guess"})
        refused = await sftp.send(stranger)
        assert isinstance(refused, Failed)
        assert refused.code == "sftp.auth"
    finally:
        await sftp.close()
        stop(running)
