"""Revocation: lists are read anew when they change, and one that is too old leaves nobody trusted."""

import dataclasses
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from deploy.local.pki import Issued, Pki, leaf, revocation_list
from services.delivery.channels.peppol import PeppolChannel
from services.delivery.domain.outcome import Failed, Refused
from services.delivery.peppol import as4_message
from services.delivery.peppol.as4_in import Accepted, Receiver, Rejected
from services.delivery.peppol.participant import ParticipantIdentifier
from services.delivery.peppol.settings import PeppolSettings
from services.delivery.peppol.trust import Outdated, Trust, Untrusted
from tests.unit.delivery.peppol import attacks
from tests.unit.delivery.peppol.network import BUYER, OURS, THEIRS, Network, identity, invoice, job
from tests.unit.delivery.peppol.test_peppol_as4_in import ENVELOPE

HOUR = timedelta(hours=1)


def publish(path: Path, issuer: Issued, *revoked: x509.Certificate, ends: timedelta = HOUR) -> None:
    """As an operator should: a new file, renamed over the old one."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(revocation_list(issuer, revoked, next_update=datetime.now(UTC) + ends))
    fresh.rename(path)


@pytest.fixture
def crl(pki: Pki, tmp_path: Path) -> Path:
    path = tmp_path / "ap.crl"
    publish(path, pki.ap_ca)
    return path


@pytest.fixture
def trust(pki: Pki, crl: Path) -> Trust:
    return Trust.read([pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"], [crl])


def test_a_certificate_revoked_meanwhile_is_refused_without_a_restart(
    pki: Pki, crl: Path, trust: Trust
) -> None:
    theirs = leaf(THEIRS, pki.ap_ca).certificate
    trust.check(theirs)
    publish(crl, pki.ap_ca, theirs)
    with pytest.raises(Untrusted, match="revoked"):
        trust.check(theirs)
    publish(crl, pki.ap_ca)
    trust.check(theirs)


def test_a_list_may_be_der(pki: Pki, crl: Path, trust: Trust) -> None:
    theirs = leaf(THEIRS, pki.ap_ca).certificate
    revoked = x509.load_pem_x509_crl(revocation_list(pki.ap_ca, [theirs]))
    crl.write_bytes(revoked.public_bytes(Encoding.DER))
    with pytest.raises(Untrusted, match="revoked"):
        trust.check(theirs)


@pytest.mark.parametrize("spoil", [lambda p: p.write_bytes(b"<html>"), os.unlink])
def test_a_file_that_is_gone_or_spoilt_leaves_the_list_before_in_force(
    pki: Pki, crl: Path, trust: Trust, spoil: object, caplog: pytest.LogCaptureFixture
) -> None:
    theirs, other = leaf(THEIRS, pki.ap_ca).certificate, leaf(THEIRS, pki.ap_ca).certificate
    publish(crl, pki.ap_ca, theirs)
    trust.check(other)
    spoil(crl)  # type: ignore[operator]
    for _ in range(3):
        trust.check(other)
        with pytest.raises(Untrusted, match="revoked"):
            trust.check(theirs)
    told = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(told) == 1
    publish(crl, pki.ap_ca)
    trust.check(theirs)


def test_a_list_that_cant_be_read_stops_the_start(pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path in (tmp_path / "absent", tmp_path / "empty"):
        with pytest.raises((OSError, ValueError)):
            Trust.read([pki.folder / "ap-ca.pem"], [path])


def test_a_list_of_an_authority_that_is_not_configured_is_named(
    pki: Pki, crl: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authorities = [pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"]
    foreign = tmp_path / "smp.crl"
    publish(foreign, pki.smp_ca)
    name = pki.smp_ca.certificate.subject.rfc4514_string()
    trust = Trust.read(authorities, [crl, foreign])
    (warning,) = trust.warnings()
    assert name in warning
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [warning]
    publish(foreign, pki.ap_ca)
    assert trust.warnings() == []


def test_an_outdated_list_holds_for_a_day_and_is_told_of_loudly(
    pki: Pki, crl: Path, trust: Trust, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = leaf(THEIRS, pki.ap_ca).certificate
    publish(crl, pki.ap_ca, ends=-HOUR)
    trust.check(theirs)
    trust.check(theirs)
    told = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(told) == 1
    assert "fetch the new one" in told[0].getMessage()
    later = dataclasses.replace(trust, now=lambda: datetime.now(UTC) + timedelta(hours=25))
    with pytest.raises(Outdated):
        later.check(theirs)


def test_what_comes_under_an_outdated_list_is_asked_for_again(
    pki: Pki, crl: Path, trust: Trust
) -> None:
    served = ParticipantIdentifier.parse(BUYER)
    receiver = Receiver(identity(pki, OURS), trust, served.same_as)
    ours = receiver.identity.certificate
    message = as4_message.build(identity(pki, THEIRS), ours, "http://x", ENVELOPE, invoice())
    publish(crl, pki.ap_ca, ends=-26 * HOUR)
    result = receiver.open(attacks.http_headers(message), message.body)
    assert isinstance(result, Rejected)
    assert result.code == "EBMS:0202"
    publish(crl, pki.ap_ca)
    assert isinstance(receiver.open(attacks.http_headers(message), message.body), Accepted)


async def test_what_was_made_for_a_certificate_that_is_revoked_by_now_is_not_sent(
    network: Network, tmp_path: Path
) -> None:
    """Once the directory names another one, the message is made anew for that."""
    pki, crl = network.pki, tmp_path / "ap.crl"
    publish(crl, pki.ap_ca)
    lists = {"ap_revocations": (crl,)}
    channel = PeppolChannel(
        PeppolSettings(**{**network.settings.model_dump(), **lists}), allow_private=True
    )
    theirs, due = pki.access_point(THEIRS).certificate, job(invoice())
    due = dataclasses.replace(due, prepared=await channel.prepare(due))
    try:
        publish(crl, pki.ap_ca, ends=-26 * HOUR)
        told = await channel.send(due)
        assert isinstance(told, Failed)
        assert (told.code, told.retryable) == ("peppol.revocation_outdated", True)
        publish(crl, pki.ap_ca, theirs)
        refused = await channel.send(due)
        assert isinstance(refused, Failed)
        assert (refused.code, refused.retryable) == ("peppol.not_trusted", False)
        assert "revoked" in refused.words
        network.register(BUYER, f"{network.peer.url}/as4", leaf(THEIRS, pki.ap_ca).certificate)
        anew = await channel.send(due)
        assert isinstance(anew, Failed)
        assert (anew.retryable, anew.prepare_again) == (True, True)
        assert network.peer.store.received == []
    finally:
        await channel.close()


async def test_the_directory_goes_by_the_lists_of_access_points_and_smps(
    network: Network, tmp_path: Path
) -> None:
    pki = network.pki
    ap_list, smp_list = tmp_path / "ap.crl", tmp_path / "smp.crl"
    publish(ap_list, pki.ap_ca)
    publish(smp_list, pki.smp_ca)
    lists = {"ap_revocations": (ap_list,), "smp_revocations": (smp_list,)}
    channel = PeppolChannel(PeppolSettings(**{**network.settings.model_dump(), **lists}))

    async def refusal() -> tuple[str, bool]:
        channel.directory._kept._entries.clear()
        with pytest.raises(Refused) as refused:
            await channel.prepare(job(invoice()))
        return refused.value.code, refused.value.retryable

    try:
        assert await channel.prepare(job(invoice()))
        for path, issuer, issued in (
            (ap_list, pki.ap_ca, pki.access_point(THEIRS)),
            (smp_list, pki.smp_ca, pki.smp()),
        ):
            publish(path, issuer, issued.certificate)
            assert await refusal() == ("peppol.not_trusted", False)
            publish(path, issuer, ends=-26 * HOUR)
            assert await refusal() == ("peppol.revocation_outdated", True)
            publish(path, issuer)
        channel.directory._kept._entries.clear()
        assert await channel.prepare(job(invoice()))
    finally:
        await channel.close()
