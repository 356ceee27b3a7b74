"""Peers that waste our time and memory, and names that lead into our own network."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest

from deploy.local.pki import Pki
from services.delivery.channels.peppol_client import peppol_client
from services.delivery.domain.outcome import Failed, Refused, Unknown
from services.delivery.peppol import as4_message, as4_out
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.settings import PeppolSettings
from tests.unit.delivery.peppol.network import (
    OURS,
    THEIRS,
    Network,
    identity,
    invoice,
    job,
    settings,
)
from tests.unit.delivery.peppol.test_peppol_as4_in import ENVELOPE

Misbehave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"
BOMB = gzip.compress(bytes(50_000_000))


@dataclass
class Peer:
    """A server that does to each connection what the test says; `connections` counts them."""

    misbehave: Misbehave
    connections: int = 0
    port: int = 0
    _open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.append(writer)
        try:
            await self.misbehave(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    async def __aenter__(self) -> "Peer":
        self._server = await asyncio.start_server(self.meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/as4"


async def read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().splitlines():
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))


def answers(head: bytes, body: bytes) -> Misbehave:
    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    return misbehave


async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte at a time, so that no single read ever waits for long."""
    await read_request(reader)
    writer.write(HEAD + b"Content-Length: 1000000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reads_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(1000):
        if not await reader.read(100):
            return
        await asyncio.sleep(0.05)


@pytest.fixture
def known(pki: Pki) -> PeppolSettings:
    return settings(pki)


@pytest.fixture
async def client(known: PeppolSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with peppol_client(known, allow_private=False) as made:
        yield made


def prepared(pki: Pki, url: str, document: bytes = invoice()) -> Prepared:
    ours, theirs = identity(pki, OURS), pki.access_point(THEIRS).certificate
    return as4_message.build(ours, theirs, url, ENVELOPE, document, compress=False)


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"x-unheard-of"])
async def test_an_encoded_answer_of_an_access_point_is_not_unpacked(
    pki: Pki, known: PeppolSettings, client: httpx.AsyncClient, coding: bytes
) -> None:
    async with Peer(answers(b"Content-Encoding: " + coding + b"\r\n", BOMB)) as peer:
        outcome = await as4_out.send(client, prepared(pki, peer.url), known.ap_trust)
    assert isinstance(outcome, Unknown)
    assert "encoded" in outcome.words


async def test_a_long_answer_is_read_no_further_than_allowed(
    pki: Pki, known: PeppolSettings, client: httpx.AsyncClient
) -> None:
    async with Peer(answers(b"", bytes(3_000_000))) as peer:
        outcome = await as4_out.send(client, prepared(pki, peer.url), known.ap_trust)
    assert isinstance(outcome, Unknown)
    assert "longer than" in outcome.words


async def test_a_trickling_answer_ends_at_the_deadline_and_is_unknown(
    pki: Pki, known: PeppolSettings, client: httpx.AsyncClient
) -> None:
    began = time.monotonic()
    async with Peer(trickles) as peer:
        outcome = await as4_out.send(client, prepared(pki, peer.url), known.ap_trust, seconds=0.5)
    assert time.monotonic() - began < 5
    assert isinstance(outcome, Unknown)
    assert "after the document was sent" in outcome.words


async def test_a_peer_that_takes_nothing_ends_at_the_deadline_and_has_nothing(
    pki: Pki, known: PeppolSettings, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as4_out, "SLOWEST", 100 * 1024 * 1024)
    large = prepared(pki, "", invoice(size=10_000_000))
    began = time.monotonic()
    async with Peer(reads_slowly) as peer:
        sent = replace(large, endpoint=peer.url)
        outcome = await as4_out.send(client, sent, known.ap_trust, seconds=0.5)
    assert time.monotonic() - began < 5
    assert isinstance(outcome, Failed)
    assert outcome.retryable


@pytest.mark.parametrize(
    ("misbehave", "code", "said"),
    [
        (trickles, "peppol.lookup_unreachable", "longer than"),
        (answers(b"Content-Encoding: gzip\r\n", BOMB), "peppol.not_trusted", "encoded"),
        (answers(b"", bytes(3_000_000)), "peppol.not_trusted", "longer than"),
    ],
    ids=["trickles", "gzip", "long"],
)
async def test_an_smp_that_wastes_time_or_memory_is_given_up(
    network: Network, misbehave: Misbehave, code: str, said: str
) -> None:
    """The genuine SMP redirects there."""
    registered = network.registry.participants
    async with Peer(misbehave) as peer:
        for known in list(registered.values()):
            network.registry.register(replace(known, redirect=(peer.url, "SMP2000009")))
        network.channel.directory._settings = replace(
            network.channel.directory._settings, seconds=0.5
        )
        with pytest.raises(Refused) as refused:
            await network.channel.prepare(job(invoice()))
    assert peer.connections == 1
    assert (refused.value.code, said in refused.value.words) == (code, True), refused.value.words
    assert refused.value.retryable is (code == "peppol.lookup_unreachable")


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "127.0.0.1"])
async def test_a_name_that_leads_to_this_machine_is_not_connected_to(pki: Pki, host: str) -> None:
    strict = settings(pki).model_copy(update={"plain_on_loopback": False})
    async with Peer(hangs_up) as peer:
        url = f"https://{host}:{peer.port}/as4"
        async with peppol_client(strict, allow_private=False) as client:
            outcome = await as4_out.send(client, prepared(pki, url), strict.ap_trust)
        assert isinstance(outcome, Failed)
        assert "no public address" in outcome.words
        assert peer.connections == 0
        async with peppol_client(strict, allow_private=True) as client:
            outcome = await as4_out.send(client, prepared(pki, url), strict.ap_trust)
        assert peer.connections == 1


async def test_the_embedded_network_permits_this_machine_and_nothing_else(pki: Pki) -> None:
    async with peppol_client(settings(pki), allow_private=False) as client:
        for address in ("10.0.0.1", "169.254.169.254", "192.168.1.1", "[fd00::1]", "0"):
            with pytest.raises(httpx.ConnectError, match="no public address"):
                await client.get(f"https://{address}/")
