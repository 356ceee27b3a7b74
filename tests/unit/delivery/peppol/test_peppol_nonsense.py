"""Whatever anybody posts to the access point gets a signed answer: nothing of it is an error of ours."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local.pki import Pki
from services.delivery.peppol import as4_message, mime
from services.delivery.peppol.as4_in import Accepted, Receiver, Rejected
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.errors import As4Refused
from services.delivery.peppol.participant import ParticipantIdentifier
from services.delivery.peppol.trust import Trust
from services.delivery.peppol.xml import Element
from tests.unit.delivery.peppol import attacks
from tests.unit.delivery.peppol.network import BUYER, OURS, THEIRS, identity, invoice
from tests.unit.delivery.peppol.test_peppol_as4_in import ENVELOPE

SOAP = b"--b\r\nContent-Type: application/soap+xml\r\n\r\n<a/>\r\n--b--"
ODD = [
    "multipart/related; boundary*=a; boundary*0=b",
    "multipart/related; boundary*0=a; boundary*1=b; boundary=b",
    "multipart/related; boundary*=utf-8''b",
    "multipart/related; boundary*=nonsense''%ff",
    "multipart/related; boundary=b; boundary=c",
    'multipart/related; boundary="b',
    'multipart/related; boundary="\\"',
    "multipart/related; boundary=",
    "multipart/related; boundary",
    "multipart/related; =b",
    "multipart/related;;;",
    "multipart/related; boundary=b é\xff",
    "\u20ac/\U0001f600; boundary=b",
    "multipart/related\x00; boundary=b",
    "/", ";", "=", '"', "\r\n", "multipart/", "multipart/related/more; boundary=b",
    "; ".join(["multipart/related", *(f"p{n}*{n}*=x''%zz" for n in range(2000))]),
    "multipart/related; boundary=" + '\\"' * 20_000,
]  # fmt: skip

fuzz = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def receiver(pki: Pki) -> Receiver:
    trust = Trust.read([pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"], [pki.crl])
    served = ParticipantIdentifier.parse(BUYER)
    return Receiver(identity(pki, OURS), trust, served.same_as, most_document=1_000_000)


@pytest.fixture(scope="module")
def message(pki: Pki, receiver: Receiver) -> Prepared:
    ours = receiver.identity.certificate
    return as4_message.build(identity(pki, THEIRS), ours, "http://x", ENVELOPE, invoice())


@pytest.mark.parametrize("content_type", ODD)
def test_an_odd_content_type_is_refused_by_a_signal(receiver: Receiver, content_type: str) -> None:
    result = receiver.open({"content-type": content_type}, SOAP)
    assert isinstance(result, Rejected)
    assert result.code in ("EBMS:0007", "EBMS:0009")


@pytest.mark.parametrize(
    "content_type",
    [
        'Multipart/Related; type="application/soap+xml"; boundary="b"',
        "multipart/related;boundary=b",
        'multipart/related ; start-info="a;b\\"c" ; BOUNDARY = b ; charset=utf-8',
        'multipart/related;    boundary="b"; type="application/soap+xml"; start="<x@y>"',
    ],
)
def test_a_content_type_may_be_written_in_many_ways(content_type: str) -> None:
    assert mime.split({"Content-Type": content_type}, SOAP) == (b"<a/>", [])


def test_a_body_of_nothing_but_boundaries_is_not_taken_apart() -> None:
    """Five million pieces would be a quarter of a gigabyte."""
    with pytest.raises(As4Refused, match="more than"):
        mime.split({"content-type": "multipart/related; boundary=b"}, b"\r\n--b" * 1_000_000)


@fuzz
@given(value=st.text(st.characters(max_codepoint=255)), body=st.binary())
def test_any_header_and_body_get_an_answer(receiver: Receiver, value: str, body: bytes) -> None:
    for media_type in ("", "multipart/related;", "application/soap+xml;"):
        result = receiver.open({"content-type": media_type + value}, body)
        assert isinstance(result, Rejected)


PIECES = [b"<", b">", b'"', b"\r\n\r\n", b"--", b"&#0;", b"\xff", b"#", b"xmlns:x=''", b"", b"<!--"]


@fuzz
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 2**16), st.integers(0, 300), st.sampled_from(PIECES)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_a_message_with_pieces_cut_out_or_put_in_gets_an_answer(
    receiver: Receiver, message: Prepared, changes: list[tuple[int, int, bytes]]
) -> None:
    body = message.body
    for place, length, put in changes:
        start = place % len(body)
        body = body[:start] + put + body[start + length :]
    result = receiver.open(attacks.http_headers(message), body)
    assert isinstance(result, Rejected | Accepted)


@fuzz
@given(data=st.data())
def test_a_message_with_changed_values_gets_an_answer(
    receiver: Receiver, message: Prepared, data: st.DataObject
) -> None:
    """Well-formed still, so that it gets as far as keys, certificates and digests."""

    def change(envelope: Element) -> None:
        elements = list(envelope.iter("*"))
        element = data.draw(st.sampled_from(elements))
        value = data.draw(
            st.sampled_from(["", " ", "AAAA", "=", "é", "#", "-1", "0" * 5000, "cid:"])
        )
        if element.attrib and data.draw(st.booleans()):
            element.set(data.draw(st.sampled_from(sorted(map(str, element.attrib)))), value)
        else:
            element.text = value

    forged = attacks.changed(message, change)
    result = receiver.open(attacks.http_headers(forged), forged.body)
    assert isinstance(result, Rejected | Accepted)
