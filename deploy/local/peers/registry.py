"""A Peppol directory of our own: an SML zone over UDP and an SMP with signed metadata over HTTP.

`python -m deploy.local.peers.registry --dir … --smp-pem … --smp-key … participants.json` where the
file lists `{"participant": "0208:…", "endpoint": "http://…/as4", "certificate": "ap.pem"}`.
It prints one line of JSON with its ports and serves until it gets SIGTERM. The file is read again
whenever it changes, so that participants come and go while it runs.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import sys
from base64 import b32encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import uvicorn
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.local.peers.smp_metadata import SCHEME, Registration, metadata, service_group

ZONE = "sml.facteur.test"


@dataclass
class Registry:
    """Participants by their lower-case id, and the key that signs what is said of them."""

    certificate: x509.Certificate
    key_pem: bytes
    zone: str = ZONE
    participants: dict[str, Registration] = field(default_factory=dict)

    def register(self, registration: Registration) -> None:
        self.participants[registration.participant.lower()] = registration

    def find(self, qualified: str) -> Registration | None:
        """By `iso6523-actorid-upis::0208:…`, in any case."""
        return self.participants.get(qualified.lower().removeprefix(f"{SCHEME}::"))

    def metadata(self, registration: Registration, document: str) -> bytes:
        """The signed metadata of one participant and document."""
        return self.signed(etree.fromstring(metadata(registration, document), _parser()))

    def signed(self, root: etree._Element) -> bytes:
        """The document with an enveloped signature, as Peppol's SMPs make it."""
        signature = xmlsec.template.create(
            root, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformRsaSha256
        )
        root.append(signature)
        reference = xmlsec.template.add_reference(
            signature, xmlsec.constants.TransformSha256, uri=""
        )
        xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
        xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
        info = xmlsec.template.ensure_key_info(signature)
        xmlsec.template.x509_data_add_certificate(xmlsec.template.add_x509_data(info))
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(self.key_pem, xmlsec.constants.KeyDataFormatPem)
        context.key.load_cert_from_memory(
            self.certificate.public_bytes(serialization.Encoding.PEM),
            xmlsec.constants.KeyDataFormatPem,
        )
        context.sign(signature)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def smp_app(registry: Callable[[], Registry]) -> Starlette:
    """The two GETs of an SMP."""

    async def group(request: Request) -> Response:
        known = registry()
        found = known.find(request.path_params["participant"])
        if found is None:
            return Response(status_code=404)
        base = str(request.base_url).rstrip("/")
        return Response(service_group(found, base), media_type="text/xml")

    async def service(request: Request) -> Response:
        known = registry()
        found = known.find(request.path_params["participant"])
        document = request.path_params["document"]
        if found is None or document not in found.documents:
            return Response(status_code=404)
        return Response(known.metadata(found, document), media_type="text/xml")

    return Starlette(
        routes=[
            Route("/{participant}/services/{document:path}", service),
            Route("/{participant}", group),
        ]
    )


def dns_label(participant: str, zone: str) -> str:
    """base32(sha256(lower-case value)) under the scheme and the zone, with the final dot."""
    label = b32encode(sha256(participant.lower().encode()).digest()).decode().rstrip("=")
    return f"{label}.{SCHEME}.{zone}.".lower()


class SmlZone(asyncio.DatagramProtocol):
    """An authoritative name server for the zone, over UDP."""

    def __init__(self, registry: Callable[[], Registry], smp_address: Callable[[], str]) -> None:
        self._registry, self._smp_address = registry, smp_address
        self.questions = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        self.questions += 1
        self._transport.sendto(self.answer(query).to_wire(), addr)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        registry = self._registry()
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        question = query.question[0]
        asked = question.name.to_text().lower()
        labels = {dns_label(p, registry.zone) for p in registry.participants}
        if asked not in labels:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.NAPTR:
            target = f'100 10 "U" "Meta:SMP" "!.*!{self._smp_address()}!" .'
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "NAPTR", target))
        return response


class WatchedFile:
    """A registry read from a JSON file, again whenever the file changes."""

    def __init__(self, path: Path, registry: Registry) -> None:
        self._path, self._registry, self._seen = path, registry, -1

    def __call__(self) -> Registry:
        changed = self._path.stat().st_mtime_ns if self._path.exists() else 0
        if changed != self._seen:
            self._seen = changed
            self._registry.participants.clear()
            for entry in json.loads(self._path.read_text()) if changed else []:
                self._registry.register(_registration(entry))
        return self._registry


def _registration(entry: dict[str, str]) -> Registration:
    certificate = x509.load_pem_x509_certificate(Path(entry["certificate"]).read_bytes())
    return Registration(entry["participant"], entry["endpoint"], certificate)


class QuietServer(uvicorn.Server):
    """A server inside a larger process, which handles the signals itself."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    async def wait_started(self, seconds: float = 10.0) -> None:
        """Until it answers; `TimeoutError` when it doesn't in time."""
        await asyncio.wait_for(self._listening.wait(), seconds)


@dataclass
class Serving:
    """A running registry: what to give to those who look things up in it."""

    zone: SmlZone
    server: uvicorn.Server
    task: asyncio.Task[None]
    transport: asyncio.DatagramTransport
    dns_port: int
    smp_address: str

    async def stop(self) -> None:
        self.transport.close()
        self.server.should_exit = True
        await self.task


async def serve(
    registry: Callable[[], Registry],
    *,
    host: str = "127.0.0.1",
    dns_port: int = 0,
    smp_port: int = 0,
    tls: tuple[Path, Path] | None = None,
) -> Serving:
    """Start both servers on loopback; returns once they answer. `tls`: certificate and key files."""
    address = ""
    loop = asyncio.get_running_loop()
    transport, zone = await loop.create_datagram_endpoint(
        lambda: SmlZone(registry, lambda: address), local_addr=(host, dns_port)
    )
    config = uvicorn.Config(
        smp_app(registry), host=host, port=smp_port, log_level="warning", lifespan="off",
        ssl_certfile=tls[0] if tls else None, ssl_keyfile=tls[1] if tls else None,
    )  # fmt: skip
    server = QuietServer(config)
    task = asyncio.create_task(server.serve())
    await server.wait_started()
    port = server.servers[0].sockets[0].getsockname()[1]
    address = f"{'https' if tls else 'http'}://{host}:{port}"
    return Serving(zone, server, task, transport, transport.get_extra_info("sockname")[1], address)


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("participants", type=Path)
    parser.add_argument("--smp-pem", type=Path, required=True)
    parser.add_argument("--smp-key", type=Path, required=True)
    parser.add_argument("--zone", default=ZONE)
    parser.add_argument("--dns-port", type=int, default=0)
    parser.add_argument("--smp-port", type=int, default=0)
    args = parser.parse_args()
    certificate = x509.load_pem_x509_certificate(args.smp_pem.read_bytes())
    registry = Registry(certificate, args.smp_key.read_bytes(), args.zone)
    serving = await serve(
        WatchedFile(args.participants, registry), dns_port=args.dns_port, smp_port=args.smp_port
    )
    ready = {"dns_port": serving.dns_port, "smp": serving.smp_address, "zone": args.zone}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await serving.stop()


if __name__ == "__main__":
    asyncio.run(_main())
