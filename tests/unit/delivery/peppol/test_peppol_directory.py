"""Finding a participant: SML over DNS, signed metadata, and every way it goes wrong."""

import dataclasses
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from lxml import etree

from deploy.local.peers.registry import Registry, Serving, serve
from deploy.local.peers.smp_metadata import Registration, metadata
from deploy.local.pki import Pki, leaf
from services.delivery.peppol.lookup import LookupFailed, NotRegistered, NotTrusted, Unreachable
from services.delivery.peppol.participant import (
    BIS_CREDIT_NOTE,
    BIS_INVOICE,
    BIS_PROCESS,
    UBL_INVOICE,
    DocumentTypeIdentifier,
    ParticipantIdentifier,
    ProcessIdentifier,
)
from services.delivery.peppol.sml import Sml, SmlSettings, _apply
from services.delivery.peppol.smp import Directory, SmpSettings
from services.delivery.peppol.trust import Trust
from tests.unit.delivery.peppol.network import BUYER, THEIRS

WHO = ParticipantIdentifier.parse(BUYER)
ZONE = "sml.facteur.test"
PINT = "urn:peppol:pint:billing-1"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registration(pki: Pki) -> Registration:
    return Registration(BUYER, "http://127.0.0.1:1/as4", pki.access_point(THEIRS).certificate)


@pytest.fixture
def registry(pki: Pki, registration: Registration) -> Registry:
    smp = pki.smp()
    made = Registry(smp.certificate, smp.key_pem)
    made.register(registration)
    return made


@pytest.fixture
async def serving(registry: Registry) -> AsyncIterator[Serving]:
    running = await serve(lambda: registry)
    yield running
    await running.stop()


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as made:
        yield made


@pytest.fixture
def trusts(pki: Pki) -> tuple[Trust, Trust]:
    root = pki.folder / "root-ca.pem"
    return (
        Trust.read([root, pki.folder / "smp-ca.pem"]),
        Trust.read([root, pki.folder / "ap-ca.pem"], [pki.crl]),
    )


def directory(
    client: httpx.AsyncClient,
    serving: Serving,
    trusts: tuple[Trust, Trust],
    *,
    plain: bool = True,
    clock: Callable[[], float] = Clock(),  # noqa: B008
) -> Directory:
    sml = Sml(SmlSettings(ZONE, "127.0.0.1", serving.dns_port, timeout=2.0), clock)
    return Directory(client, sml, *trusts, SmpSettings(plain_on_loopback=plain), clock)


def test_the_published_vector() -> None:
    name = ParticipantIdentifier.read("9915:test").dns_name("edelivery.tech.ec.europa.eu")
    assert name == (
        "EH5BOAVAKTMBGZYH2A63DZ4QOV33FVP5NSDVQKLUCFRAAYOODW6A"
        ".iso6523-actorid-upis.edelivery.tech.ec.europa.eu."
    )
    assert ParticipantIdentifier.read("9915:TEST").dns_name("edelivery.tech.ec.europa.eu") == name


async def test_a_participant_is_found_and_kept(
    client: httpx.AsyncClient, serving: Serving, registry: Registry, trusts: tuple[Trust, Trust]
) -> None:
    clock = Clock()
    found = directory(client, serving, trusts, clock=clock)
    endpoint = await found.find(WHO, BIS_INVOICE, BIS_PROCESS)
    assert endpoint.address == "http://127.0.0.1:1/as4"
    assert (endpoint.document_type, endpoint.process) == (BIS_INVOICE, BIS_PROCESS)

    registry.participants.clear()
    assert await found.find(WHO, BIS_INVOICE, BIS_PROCESS) == endpoint
    clock.now += 3700
    with pytest.raises(NotRegistered):
        await found.find(WHO, BIS_INVOICE, BIS_PROCESS)


async def test_the_answers_of_dns_are_told_apart(
    client: httpx.AsyncClient, serving: Serving, trusts: tuple[Trust, Trust]
) -> None:
    nobody = ParticipantIdentifier.read("0208:0999999922")
    with pytest.raises(NotRegistered) as missing:
        await directory(client, serving, trusts).find(nobody, BIS_INVOICE, BIS_PROCESS)
    assert not missing.value.retryable

    deaf = Sml(SmlSettings(ZONE, "127.0.0.1", 9, timeout=0.5))
    with pytest.raises(Unreachable) as down:
        await deaf.smp_address(WHO)
    assert down.value.retryable


@pytest.mark.parametrize(
    ("regexp", "address"),
    [
        ("!.*!https://smp.example!", "https://smp.example"),
        ("!^.*$!https://smp.example/!", "https://smp.example"),
        ("/.*/https:x/", "https:x"),
    ],
)
def test_naptr_substitutions(regexp: str, address: str) -> None:
    assert _apply(regexp, "name") == address


@pytest.mark.parametrize("regexp", ["", "!.*!!", "!a!b!", "!.*!https://\\1.example!", "nonsense"])
def test_odd_naptr_substitutions_are_refused(regexp: str) -> None:
    with pytest.raises(NotTrusted):
        _apply(regexp, "name")


async def test_what_is_not_offered_is_not_registered(
    client: httpx.AsyncClient, serving: Serving, trusts: tuple[Trust, Trust]
) -> None:
    found = directory(client, serving, trusts)
    other = DocumentTypeIdentifier.of("urn:x", "Order", "urn:y")
    for kind, process in ((other, BIS_PROCESS), (BIS_INVOICE, ProcessIdentifier("urn:other"))):
        with pytest.raises(NotRegistered):
            await found.find(WHO, kind, process)
    assert (await found.find(WHO, BIS_CREDIT_NOTE, BIS_PROCESS)).document_type == BIS_CREDIT_NOTE


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({"activates": "2020-01-01T00:00:00Z", "expires": "2099-01-01T00:00:00"}, True),
        ({"activates": "2099-01-01T00:00:00Z"}, False),
        ({"expires": "2020-01-01T00:00:00+02:00"}, False),
        ({"expires": "soon"}, False),
        ({"transport": "busdox-transport-as2-ver1p0"}, False),
        ({"endpoint": "http://as4.example/as4"}, False),
        ({"endpoint": "https://10.0.0.1/as4"}, False),
        ({"endpoint": "https://user@as4.example/as4"}, False),
        ({"endpoint": "file:///etc/passwd"}, False),
        ({"endpoint": "https://as4.example/as4"}, True),
    ],
)
async def test_an_endpoint_is_active_and_public_or_refused(
    client: httpx.AsyncClient,
    serving: Serving,
    registry: Registry,
    registration: Registration,
    trusts: tuple[Trust, Trust],
    changes: dict[str, str],
    ok: bool,
) -> None:
    registry.register(replace(registration, **changes))  # type: ignore[arg-type]
    found = directory(client, serving, trusts)
    if ok:
        assert (await found.find(WHO, BIS_INVOICE, BIS_PROCESS)).address
    else:
        with pytest.raises(LookupFailed):
            await found.find(WHO, BIS_INVOICE, BIS_PROCESS)


async def test_plain_http_is_refused_unless_permitted(
    client: httpx.AsyncClient, serving: Serving, trusts: tuple[Trust, Trust]
) -> None:
    with pytest.raises(NotTrusted, match="https"):
        await directory(client, serving, trusts, plain=False).find(WHO, BIS_INVOICE, BIS_PROCESS)


async def test_an_access_points_certificate_must_be_trusted(
    pki: Pki,
    client: httpx.AsyncClient,
    serving: Serving,
    registry: Registry,
    registration: Registration,
    trusts: tuple[Trust, Trust],
) -> None:
    registry.register(replace(registration, certificate=leaf(THEIRS, pki.smp_ca).certificate))
    with pytest.raises(NotTrusted, match="not issued by a trusted"):
        await directory(client, serving, trusts).find(WHO, BIS_INVOICE, BIS_PROCESS)


class Tampering(Registry):
    """An SMP whose answers are changed on their way, or made for something else."""

    tamper: Callable[[bytes], bytes] = staticmethod(lambda answer: answer)
    answers: Registration | None = None

    def metadata(self, registration: Registration, document: str) -> bytes:
        return self.tamper(super().metadata(self.answers or registration, document))


def unsigned(answer: bytes) -> bytes:
    root = etree.fromstring(answer)
    root.remove(root[-1])
    return etree.tostring(root)


def wrapped(answer: bytes) -> bytes:
    """The signed metadata kept inside, another one in front."""
    root = etree.fromstring(answer)
    forged = etree.fromstring(etree.tostring(root[0]).replace(b"127.0.0.1:1", b"127.0.0.1:2"))
    holder = etree.SubElement(root, "{urn:x}holder")
    holder.append(root[0])
    root.insert(0, forged)
    return etree.tostring(root)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda a: a.replace(b"127.0.0.1:1/", b"127.0.0.1:2/"),
        unsigned,
        wrapped,
        lambda a: a.replace(b'URI=""', b'URI="#x"'),
        lambda a: b"<!DOCTYPE x>" + a[a.index(b"<Signed") :],
        lambda a: a + b" " * 600_000,
        lambda a: a[:-30],
        lambda _: b"<html/>",
    ],
    ids=["changed", "unsigned", "wrapped", "part", "doctype", "huge", "cut", "html"],
)
async def test_metadata_that_was_tampered_with_is_refused(
    client: httpx.AsyncClient,
    registry: Registry,
    trusts: tuple[Trust, Trust],
    tamper: Callable[[bytes], bytes],
) -> None:
    evil = Tampering(registry.certificate, registry.key_pem, ZONE, registry.participants)
    evil.tamper = tamper
    serving = await serve(lambda: evil)
    try:
        with pytest.raises(NotTrusted):
            await directory(client, serving, trusts).find(WHO, BIS_INVOICE, BIS_PROCESS)
    finally:
        await serving.stop()


async def test_metadata_of_another_participant_is_refused(
    client: httpx.AsyncClient,
    registry: Registry,
    registration: Registration,
    trusts: tuple[Trust, Trust],
) -> None:
    evil = Tampering(registry.certificate, registry.key_pem, ZONE, registry.participants)
    evil.answers = dataclasses.replace(registration, participant="0208:0123456749")
    serving = await serve(lambda: evil)
    try:
        with pytest.raises(NotTrusted, match="another participant"):
            await directory(client, serving, trusts).find(WHO, BIS_INVOICE, BIS_PROCESS)
    finally:
        await serving.stop()


async def test_a_stranger_as_smp_is_refused(
    pki: Pki,
    client: httpx.AsyncClient,
    registration: Registration,
    trusts: tuple[Trust, Trust],
    tmp_path: Path,
) -> None:
    for stranger in (Pki.at(tmp_path).smp(), pki.access_point("PDE000009")):
        evil = Registry(stranger.certificate, stranger.key_pem, ZONE)
        evil.register(registration)
        serving = await serve(lambda: evil)  # noqa: B023
        try:
            with pytest.raises(NotTrusted, match="SMP is not trusted"):
                await directory(client, serving, trusts).find(WHO, BIS_INVOICE, BIS_PROCESS)
        finally:
            await serving.stop()


async def test_one_redirect_is_followed_to_the_named_smp(
    pki: Pki,
    client: httpx.AsyncClient,
    serving: Serving,
    registry: Registry,
    registration: Registration,
    trusts: tuple[Trust, Trust],
) -> None:
    second = pki.smp("SMP2000002")
    other = Registry(second.certificate, second.key_pem, ZONE)
    other.register(registration)
    elsewhere = await serve(lambda: other)
    href = f"{elsewhere.smp_address}/iso6523-actorid-upis::{BUYER}/services/{BIS_INVOICE}".replace(
        "#", "%23"
    )
    try:
        for uid, ok in (("SMP2000002", True), ("SMP2000001", False)):
            registry.register(replace(registration, redirect=(href, uid)))
            found = directory(client, serving, trusts)
            if ok:
                assert (await found.find(WHO, BIS_INVOICE, BIS_PROCESS)).address.endswith("/as4")
            else:
                with pytest.raises(NotTrusted, match="redirected"):
                    await found.find(WHO, BIS_INVOICE, BIS_PROCESS)
        registry.register(replace(registration, redirect=(href, "SMP2000002")))
        other.register(replace(registration, redirect=(href, "SMP2000002")))
        with pytest.raises(NotTrusted, match="more than once"):
            await directory(client, serving, trusts).find(WHO, BIS_INVOICE, BIS_PROCESS)
    finally:
        await elsewhere.stop()


async def test_a_wildcard_takes_what_begins_like_it(
    client: httpx.AsyncClient,
    serving: Serving,
    registry: Registry,
    registration: Registration,
    trusts: tuple[Trust, Trust],
) -> None:
    frame = f"peppol-doctype-wildcard::{UBL_INVOICE}::Invoice##{{}}::2.1"
    kinds = (frame.format(f"{PINT}*"), frame.format(f"{PINT}@jp-1*"))
    registry.register(replace(registration, documents=kinds))
    found = directory(client, serving, trusts)
    pint = DocumentTypeIdentifier.of(UBL_INVOICE, "Invoice", f"{PINT}@jp-1")
    endpoint = await found.find(WHO, pint, BIS_PROCESS)
    assert endpoint.document_type == DocumentTypeIdentifier(pint.value, "peppol-doctype-wildcard")
    with pytest.raises(NotRegistered):
        await found.find(WHO, BIS_INVOICE, BIS_PROCESS)


async def test_an_smp_that_is_down_or_broken_is_tried_again(
    client: httpx.AsyncClient, registry: Registry, trusts: tuple[Trust, Trust]
) -> None:
    serving = await serve(lambda: registry)
    found = directory(client, serving, trusts)
    assert (await found.find(WHO, BIS_INVOICE, BIS_PROCESS)).address
    await serving.stop()
    with pytest.raises(Unreachable) as down:
        await found.find(WHO, BIS_CREDIT_NOTE, BIS_PROCESS)
    assert down.value.retryable


def test_the_peer_says_what_it_is_told(registration: Registration) -> None:
    assert BUYER.encode() in metadata(registration, str(BIS_INVOICE))
