"""The receiving edge: what is refused, with which error, and that nothing else gets through.

The error signals are read by the library `as4`, which shares no code with us.
"""

import dataclasses
import gzip
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from as4.peppol import parse_peppol_receipt
from lxml import etree

from deploy.local.pki import Issued, Pki, authority, leaf
from services.delivery.peppol import as4_message, sbdh, signals
from services.delivery.peppol import names as n
from services.delivery.peppol.as4_in import Accepted, Receiver, Rejected
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.dsig import Identity, reference, sign, token
from services.delivery.peppol.participant import (
    BIS_CREDIT_NOTE,
    BIS_INVOICE,
    BIS_PROCESS,
    ParticipantIdentifier,
    ProcessIdentifier,
)
from services.delivery.peppol.trust import Trust
from services.delivery.peppol.xml import Element, canonical
from tests.unit.delivery.peppol import attacks
from tests.unit.delivery.peppol.network import BUYER, OURS, SELLER, THEIRS, identity, invoice

ENVELOPE = sbdh.Envelope(
    sender=ParticipantIdentifier.parse(SELLER),
    receiver=ParticipantIdentifier.parse(BUYER),
    document_type=BIS_INVOICE,
    process=BIS_PROCESS,
    country="BE",
    instance_identifier="instance-1",
    created=datetime.now(UTC),
)
WRAPPED = sbdh.wrap(ENVELOPE, invoice(), 1_000_000)


@pytest.fixture(scope="module")
def sender(pki: Pki) -> Identity:
    return identity(pki, THEIRS)


@pytest.fixture(scope="module")
def receiver(pki: Pki) -> Receiver:
    trust = Trust.read([pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"], [pki.crl])
    served = ParticipantIdentifier.parse(BUYER)
    return Receiver(identity(pki, OURS), trust, served.same_as, most_document=1_000_000)


@pytest.fixture
def message(sender: Identity, receiver: Receiver) -> Prepared:
    return as4_message.build(sender, receiver.identity.certificate, "http://x", ENVELOPE, invoice())


def sealed(
    sender: Identity,
    receiver: Receiver,
    payload: bytes,
    *,
    compressed: bool = True,
    envelope: sbdh.Envelope = ENVELOPE,
) -> Prepared:
    peer = receiver.identity.certificate
    return as4_message.seal_payload(
        sender, peer, "http://x", envelope, payload, compressed=compressed
    )


def refused(
    receiver: Receiver, message: Prepared, code: str, said: str, *, known_id: bool = True
) -> None:
    """The message is refused for that reason, by a signed signal that another library believes."""
    result = receiver.open(attacks.http_headers(message), message.body)
    assert isinstance(result, Rejected), "an attack was accepted"
    assert (result.code, said in result.words) == (code, True), result.words
    signal = parse_peppol_receipt(result.signal, receiver.identity.certificate)
    assert signal.error is not None
    assert signal.error.error_code == code
    assert said in signal.error.error_detail.value
    assert signal.error.description.lang == "en"
    if known_id:
        assert signal.original_message_id == message.message_id


def test_a_good_message_is_accepted_with_a_receipt_that_others_believe(
    receiver: Receiver, message: Prepared
) -> None:
    taken = receiver.open(attacks.http_headers(message), message.body)

    assert isinstance(taken, Accepted)
    assert taken.message_id == message.message_id
    assert taken.sent_by == THEIRS
    assert taken.envelope == dataclasses.replace(ENVELOPE, created=taken.envelope.created)
    assert canonical(etree.fromstring(taken.document)) == canonical(etree.fromstring(invoice()))
    receipt = parse_peppol_receipt(taken.receipt, receiver.identity.certificate)
    acknowledged = {(r.uri, r.digest_value) for r in receipt.non_repudiated_references}
    assert acknowledged == {(r.uri, r.digest) for r in message.references}


@pytest.mark.parametrize("wrapping", attacks.WRAPPINGS)
def test_a_wrapped_signature_is_refused(
    receiver: Receiver, message: Prepared, wrapping: Callable[[str, str], attacks.Change]
) -> None:
    forged = attacks.changed(message, wrapping(BUYER, "0208:0999999922"))
    result = receiver.open(attacks.http_headers(forged), forged.body)
    assert isinstance(result, Rejected)
    assert result.code in ("EBMS:0009", "EBMS:0101")


def test_a_second_message_in_the_block_is_refused(receiver: Receiver, message: Prepared) -> None:
    forged = attacks.changed(message, attacks.second_unit)
    refused(receiver, forged, "EBMS:0009", "exactly one message", known_id=False)


@pytest.mark.parametrize("part", ["eb:Messaging", "body", "attachment"])
def test_a_signature_that_leaves_a_part_out_is_refused(
    sender: Identity, receiver: Receiver, message: Prepared, part: str
) -> None:
    """A trusted access point signs less than it must: the rest could be anybody's."""
    left_out = {"eb:Messaging": "#MSG", "body": "#BODY", "attachment": "cid:"}[part]

    def sign_less(envelope: Element) -> None:
        security = attacks.header(envelope).find(f"{{{n.WSSE}}}Security")
        assert security is not None
        old = security.find(f"{{{n.DS}}}Signature")
        references = [r for r in message.references if not r.uri.startswith(left_out)]
        for existing in security.findall(f"{{{n.WSSE}}}BinarySecurityToken"):
            if existing.get(f"{{{n.WSU}}}Id", "").startswith("X509-"):
                security.remove(existing)
        extra = (
            f'<x xmlns:wsse="{n.WSSE}" xmlns:wsu="{n.WSU}">{token(sender.certificate, "X509-new")}'
        )
        made = etree.fromstring(f"{extra}{sign(sender, 'X509-new', references)}</x>")
        security.append(made[0])
        security.append(made[0])
        assert old is not None
        security.remove(old)

    refused(receiver, attacks.changed(message, sign_less), "EBMS:0101", "doesn't cover")


def test_a_changed_word_is_refused(receiver: Receiver, message: Prepared) -> None:
    soap, _ = attacks.soap_of(message)
    forged = attacks.with_soap(message, soap.replace(b"finalRecipient", b"finalRecipienT"))
    refused(receiver, forged, "EBMS:0101", "not what was signed")


def test_an_attachment_of_somebody_elses_is_refused(
    sender: Identity, receiver: Receiver, message: Prepared
) -> None:
    other = as4_message.build(
        sender, receiver.identity.certificate, "http://x", ENVELOPE, invoice("F-2")
    )
    soap, _ = attacks.soap_of(message)
    _, attachment = attacks.soap_of(other)
    refused(
        receiver,
        attacks.with_soap(message, soap, attachment.content),
        "EBMS:0102",
        "can't be decrypted",
    )


def test_a_comment_that_cuts_a_value_short_is_refused(
    receiver: Receiver, message: Prepared
) -> None:
    """Canonical XML without comments still verifies, the text before the comment would be read."""
    soap, _ = attacks.soap_of(message)
    forged = attacks.with_soap(message, soap.replace(SELLER.encode(), b"0208:0<!-- -->123456749"))
    result = receiver.open(attacks.http_headers(forged), forged.body)
    assert isinstance(result, Rejected)
    assert result.code == "EBMS:0003"


def test_an_unsigned_message_is_refused(receiver: Receiver, message: Prepared) -> None:
    def strip(envelope: Element) -> None:
        security = attacks.header(envelope).find(f"{{{n.WSSE}}}Security")
        assert security is not None
        attacks.header(envelope).remove(security)

    refused(receiver, attacks.changed(message, strip), "EBMS:0103", "not signed")


def test_a_weak_algorithm_is_refused(receiver: Receiver, message: Prepared) -> None:
    soap, _ = attacks.soap_of(message)
    for strong, weak in (
        (n.RSA_SHA256, f"{n.DS}rsa-sha1"),
        (n.SHA256, f"{n.DS}sha1"),
        (n.AES128_GCM, f"{n.XENC}aes128-cbc"),
        (n.RSA_OAEP, f"{n.XENC}rsa-1_5"),
    ):
        forged = attacks.with_soap(
            message, soap.replace(f'"{strong}"'.encode(), f'"{weak}"'.encode())
        )
        result = receiver.open(attacks.http_headers(forged), forged.body)
        assert isinstance(result, Rejected), weak


@pytest.mark.parametrize(
    "bomb", [bytes(1_100_000), bytes(200_000_000)], ids=["just over", "200 MB"]
)
def test_a_decompression_bomb_is_refused(sender: Identity, receiver: Receiver, bomb: bytes) -> None:
    message = sealed(sender, receiver, gzip.compress(bomb))
    refused(receiver, message, "EBMS:0303", "larger than")


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"not gzip at all", "no gzip"),
        (gzip.compress(WRAPPED)[:-9], "cut short"),
        (gzip.compress(WRAPPED) + gzip.compress(b"more"), "something after it"),
    ],
)
def test_a_broken_gzip_is_refused(
    sender: Identity, receiver: Receiver, payload: bytes, said: str
) -> None:
    refused(receiver, sealed(sender, receiver, payload), "EBMS:0303", said)


LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>'
)
FILE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [LAUGHS, FILE, b"<!DOCTYPE x>"], ids=["laughs", "file", "bare"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_the_payload(
    sender: Identity, receiver: Receiver, doctype: bytes, encoding: str
) -> None:
    payload = doctype + WRAPPED.replace("été".encode(), b"&a;")
    payload = payload.decode().encode(encoding) if encoding == "utf-16" else payload
    for compressed in (True, False):
        body = gzip.compress(payload) if compressed else payload
        refused(
            receiver, sealed(sender, receiver, body, compressed=compressed), "EBMS:0004", "SBDH"
        )


def test_a_document_type_is_refused_in_the_envelope(receiver: Receiver, message: Prepared) -> None:
    soap, _ = attacks.soap_of(message)
    for doctype in (LAUGHS, FILE):
        forged = attacks.with_soap(message, doctype + soap)
        refused(receiver, forged, "EBMS:0009", "document type", known_id=False)
    odd = attacks.with_soap(message, b'<?xml version="1.0" encoding="UTF-7"?>' + soap)
    refused(receiver, odd, "EBMS:0009", "encoding", known_id=False)


def test_another_access_points_message_is_refused(
    pki: Pki, sender: Identity, receiver: Receiver
) -> None:
    elsewhere = pki.access_point("PDE000009").certificate
    message = as4_message.build(sender, elsewhere, "http://x", ENVELOPE, invoice())
    refused(receiver, message, "EBMS:0003", "PDE000009")


def test_a_participant_we_dont_serve_is_refused(sender: Identity, receiver: Receiver) -> None:
    stranger = dataclasses.replace(
        ENVELOPE, receiver=ParticipantIdentifier.read("0088:5410000000002")
    )
    message = as4_message.build(
        sender, receiver.identity.certificate, "http://x", stranger, invoice()
    )
    refused(receiver, message, "EBMS:0004", "PEPPOL:NOT_SERVICED")


def as_identity(issued: Issued) -> Identity:
    return Identity.from_pem(issued.pem, issued.key_pem)


def test_untrusted_expired_early_and_revoked_certificates_are_refused(
    pki: Pki, receiver: Receiver
) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    revoked = leaf(THEIRS, pki.ap_ca)
    pki.revoke(revoked.certificate)
    trust = Trust.read([pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"], [pki.crl])
    strict = dataclasses.replace(receiver, trust=trust)
    for issued, said in (
        (leaf(THEIRS, authority("Facteur local access point CA")), "not issued by a trusted"),
        (leaf(THEIRS, pki.smp_ca), "not issued by a trusted"),
        (leaf(THEIRS, pki.access_point("PDE000009")), "not issued by a trusted"),
        (leaf(THEIRS, pki.ap_ca, starts=now - 2 * day, ends=now - day), "expired"),
        (leaf(THEIRS, pki.ap_ca, starts=now + day, ends=now + 2 * day), "not valid before"),
        (revoked, "revoked"),
    ):
        message = as4_message.build(
            as_identity(issued), receiver.identity.certificate, "http://x", ENVELOPE, invoice()
        )
        refused(strict, message, "EBMS:0101", said)
    pki.revoke()


def test_the_clock_is_the_injected_one(pki: Pki, sender: Identity, receiver: Receiver) -> None:
    later = dataclasses.replace(
        receiver,
        trust=dataclasses.replace(receiver.trust, now=lambda: datetime(2099, 1, 1, tzinfo=UTC)),
    )
    message = as4_message.build(
        sender, receiver.identity.certificate, "http://x", ENVELOPE, invoice()
    )
    refused(later, message, "EBMS:0101", "expired")


def test_an_access_point_cant_speak_for_another(pki: Pki, receiver: Receiver) -> None:
    real = identity(pki, THEIRS)
    impostor = attacks.Impostor(real.certificate, real.key, says="PDE000009")
    message = as4_message.build(
        impostor, receiver.identity.certificate, "http://x", ENVELOPE, invoice()
    )
    refused(receiver, message, "EBMS:0101", "not PDE000009")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sender": ParticipantIdentifier.read("0208:0999999922")}, "sender and receiver"),
        ({"receiver": ParticipantIdentifier.read("0225:123456782")}, "sender and receiver"),
        ({"document_type": BIS_CREDIT_NOTE}, "Action"),
        ({"process": ProcessIdentifier("urn:other")}, "Service"),
    ],
)
def test_an_envelope_that_contradicts_its_message_is_refused(
    sender: Identity, receiver: Receiver, changes: dict[str, object], said: str
) -> None:
    envelope = dataclasses.replace(ENVELOPE, **changes)  # type: ignore[arg-type]
    message = sealed(sender, receiver, gzip.compress(WRAPPED), envelope=envelope)
    refused(receiver, message, "EBMS:0004", said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"<Type>COUNTRY_C1</Type>", b"<Type>OTHER</Type>", "COUNTRY_C1"),
        (b"<Type>COUNTRY_C1</Type>", b"<Type>PROCESSID</Type>", "twice"),
        (
            b"</StandardBusinessDocument>",
            b"<x/></StandardBusinessDocument>",
            "one header and one document",
        ),
        (b"<Standard>urn", b"<Standard>urm", "Standard"),
        (b"iso6523-actorid-upis", b"other-scheme", "iso6523"),
        (b"<InstanceIdentifier>instance-1<", b"<InstanceIdentifier><", "InstanceIdentifier"),
        (b"<StandardBusinessDocument ", b"<x><StandardBusinessDocument ", "well-formed"),
    ],
)
def test_a_broken_envelope_is_refused(
    sender: Identity, receiver: Receiver, old: bytes, new: bytes, said: str
) -> None:
    assert old in WRAPPED
    broken = gzip.compress(WRAPPED.replace(old, new))
    refused(receiver, sealed(sender, receiver, broken), "EBMS:0004", said)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"hello"),
        ("multipart/related", b"hello"),
        ('multipart/related; boundary="x"', b"hello"),
        ('multipart/related; boundary="x"', b"--x\r\n\r\n\r\n--x--"),
        ('multipart/related; boundary="x"', b"--x\r\nContent-Type: text/html\r\n\r\n<p>\r\n--x--"),
        ("application/soap+xml", b""),
        ("application/soap+xml", b"<a/>"),
        ("", b""),
    ],
)
def test_what_is_no_as4_gets_an_error_signal(
    receiver: Receiver, content_type: str, body: bytes
) -> None:
    result = receiver.open({"Content-Type": content_type}, body)
    assert isinstance(result, Rejected)
    assert parse_peppol_receipt(result.signal, receiver.identity.certificate).error is not None


def test_a_second_attachment_is_refused(receiver: Receiver, message: Prepared) -> None:
    boundary = message.content_type.rpartition('boundary="')[2].rstrip('"')
    extra = f"--{boundary}\r\nContent-Type: text/xml\r\nContent-ID: <x>\r\n\r\n<x/>\r\n".encode()
    end = f"--{boundary}--".encode()
    more = dataclasses.replace(message, body=message.body.replace(end, extra + end))
    refused(receiver, more, "EBMS:0007", "exactly the one attachment")


def test_no_flipped_byte_changes_what_is_accepted(receiver: Receiver, message: Prepared) -> None:
    original = receiver.open(attacks.http_headers(message), message.body)
    assert isinstance(original, Accepted)
    choose = random.Random(7)  # noqa: S311 - a reproducible walk, no secret
    for _ in range(1000):
        body = bytearray(message.body)
        body[choose.randrange(len(body))] ^= 1 << choose.randrange(8)
        result = receiver.open(attacks.http_headers(message), bytes(body))
        if isinstance(result, Accepted):
            assert without_receipt(result) == without_receipt(original)


def without_receipt(accepted: Accepted) -> Accepted:
    return dataclasses.replace(accepted, receipt=b"", receipt_id="")


def test_what_the_store_could_not_keep_is_asked_for_again(
    receiver: Receiver, message: Prepared
) -> None:
    result = receiver.not_stored(message.message_id)
    signal = parse_peppol_receipt(result.signal, receiver.identity.certificate)
    assert signal.error.error_code == "EBMS:0202"


def test_an_error_detail_can_not_break_the_signal(receiver: Receiver) -> None:
    nasty = "]]>\x00\x1f<eb:Receipt/>&amp;\ud800 \r\n\N{BELL}"
    signal = signals.error(receiver.identity, "a&b<c>", "EBMS:0004", nasty, datetime.now(UTC))
    read = parse_peppol_receipt(signal, receiver.identity.certificate)
    assert read.original_message_id == "a&b<c>"
    assert reference("#x", b"y").uri == "#x"
