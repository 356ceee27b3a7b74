"""A Peppol access point to send to, and that sends: `python -m deploy.local.peers.access_point`.

It is built on the library `as4`, shares no line with Facteur's own AS4, and keeps what it takes:
one file a document, and `/received`, a JSON list with counts by SBDH instance, so that others can
say what arrived and how often.
"""

import argparse
import asyncio
from collections import Counter
from dataclasses import asdict, dataclass, field
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from as4 import (
    AS4InternalParty,
    AS4LocalPrivateKey,
    AS4ParseContext,
    AS4References,
    ReceiptVerificationError,
)
from as4.core.receipt import AS4Receipt
from as4.peppol import (
    PeppolAS4Profile,
    PeppolReceivingExchange,
    build_peppol_message,
    create_peppol_external_party,
    create_peppol_internal_party,
    parse_peppol_message,
    parse_peppol_receipt,
    peppol_security_policy,
)
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.local.peers import pages
from deploy.local.peers.received_store import Store, read_message

MOST_DECOMPRESSED = 20 * 1024 * 1024
SOAP = "application/soap+xml; charset=UTF-8"


@dataclass
class Behaviour:
    """The switches of misbehaviour; all off, it is a good access point."""

    delay_seconds: float = 0.0
    """Before the answer."""
    answer: str = ""
    """"unavailable" (503, nothing kept), "refuse" (an AS4 error, nothing kept), "error" (500),
    "drop" (the connection cut), "nothing" (200 without receipt), "wrong" (a receipt for another
    message); the last four after the document was kept."""
    times: int = -1
    """How many messages `answer` holds for; -1 for ever."""
    duplicates: str = "receipt"
    """What a repeated message gets: its "receipt" again, or the "error" EBMS:0004."""

    def next_answer(self) -> str:
        """The misbehaviour for this message; counts down."""
        if not self.answer or self.times == 0:
            return ""
        self.times -= self.times > 0
        return self.answer


@dataclass(frozen=True)
class Options:
    folder: Path
    certificate: Path
    key: Path
    authority: list[Path] = field(default_factory=list)
    """Root first, then the issuing authorities."""
    port: int = 0


class AccessPoint(pages.Peer):
    """The running peer: `url` + `/as4` takes messages, `/send` sends one."""

    def __init__(self, options: Options) -> None:
        self.behaviour = Behaviour()
        self.store = Store(options.folder)
        self._client = httpx.AsyncClient(timeout=60, trust_env=False)
        self._party = _party(options.certificate, options.key)
        anchors = [x509.load_pem_x509_certificate(p.read_bytes()) for p in options.authority]
        policy = peppol_security_policy(anchors[0], intermediates=anchors[1:])
        self._policy = policy.model_copy(update={"maximum_decompressed_size": MOST_DECOMPRESSED})
        super().__init__(pages.application(self._routes(), self.behaviour), options.port)

    async def close(self) -> None:
        await self._client.aclose()
        await super().close()

    def _routes(self) -> list[Route]:
        return [
            Route("/", self._page),
            Route("/as4", self._take, methods=["POST"]),
            Route("/received", self._received),
            Route("/received/{file}", self._document),
            Route("/send", self._send, methods=["POST"]),
        ]

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        answer = self.behaviour.next_answer()
        if answer == "unavailable":
            return PlainTextResponse("down for maintenance\n", status_code=503)
        response = await self._answered(dict(request.headers), body, answer)
        await asyncio.sleep(self.behaviour.delay_seconds)
        if answer == "drop":
            _cut(request)
        if answer in ("error", "drop"):
            return PlainTextResponse("internal error\n", status_code=500)
        if answer == "nothing":
            return Response(status_code=200)
        return response

    async def _answered(self, headers: dict[str, str], body: bytes, answer: str) -> Response:
        exchange = await asyncio.to_thread(self._read, headers, body)
        message = exchange.message
        if message is None or not exchange.successful:
            return _signal(exchange.build_signal()[1])
        if answer == "refuse":
            return _signal(
                self._error(message.message_id, "this access point refuses everything today")
            )
        earlier = self.store.receipts.get(message.message_id)
        if earlier is not None:
            self.store.repeated(message.message_id)
            again = self.behaviour.duplicates == "receipt"
            error = b"" if again else self._error(message.message_id, "Found duplicate message")
            return _signal(earlier if again else error)
        receipt = exchange.build_signal()[1]
        self.store.keep(read_message(message), receipt)
        if answer == "wrong":
            return _signal(self._receipt_for_another())
        return _signal(receipt)

    def _read(self, headers: dict[str, str], body: bytes) -> PeppolReceivingExchange:
        """Parse and verify; the library's own MIME parser takes as long as all the rest."""
        parts = _parts(headers, body)
        if parts is None:
            return parse_peppol_message(headers, body, self._party, security_policy=self._policy)
        context = AS4ParseContext(local_party=self._party, security_policy=self._policy)
        message = PeppolAS4Profile.message_class().parse(context, *parts)
        exchange = PeppolReceivingExchange(profile=PeppolAS4Profile, local_party=self._party)
        return exchange.receive_message(message)

    def _error(self, message_id: str, detail: str) -> bytes:
        signal = AS4Receipt.create_error_signal(
            error_code="EBMS:0004", short_description="Other", description=detail, severity="failure",
            detail=detail, category="Content", referenced_message_id=message_id,
            referenced_messaging_id="", local_party=self._party,
        )  # fmt: skip
        return bytes(signal.get_request_data()[1])

    def _receipt_for_another(self) -> bytes:
        signal = AS4Receipt.create_non_repudiation_receipt(
            referenced_message_id=f"{uuid4()}@elsewhere", referenced_messaging_id="",
            non_repudiated_references=[], local_party=self._party,
        )  # fmt: skip
        return bytes(signal.get_request_data()[1])

    async def _received(self, _: Request) -> Response:
        kept = self.store.received
        return JSONResponse(
            {
                "count": len(kept),
                "by_instance": Counter(r.instance_identifier for r in kept),
                "repeats": self.store.repeats,
                "messages": [asdict(r) for r in kept],
            }
        )

    async def _document(self, request: Request) -> Response:
        path = self.store.document(request.path_params["file"])
        if path is None:
            return PlainTextResponse("no such document\n", status_code=404)
        return FileResponse(path, media_type="application/xml")

    async def _page(self, _: Request) -> Response:
        return pages.page("access_point.html", received=list(reversed(self.store.received)))

    async def _send(self, request: Request) -> Response:
        """Send a document: JSON of `url`, `certificate` (PEM), `document`, `sender`, `receiver`,
        `country`, `document_type`, `process`; `instance` and `message_id` where they matter."""
        wanted = await request.json()
        try:
            return JSONResponse(await self.send(**wanted))
        except (TypeError, ValueError) as error:
            return JSONResponse({"problem": str(error)}, status_code=422)

    async def send(
        self,
        url: str,
        certificate: str,
        document: str,
        sender: str,
        receiver: str,
        document_type: str,
        process: str,
        country: str = "BE",
        instance: str | None = None,
        message_id: str | None = None,
    ) -> dict[str, Any]:
        """Send one document; says what the receipt proves or what the error says."""
        peer = x509.load_pem_x509_certificate(certificate.encode())
        references = AS4References(message_id=message_id) if message_id else AS4References()
        message = await asyncio.to_thread(
            build_peppol_message, document.encode(), local_party=self._party,
            remote_party=create_peppol_external_party(_ap_id(peer), peer), sender=sender,
            recipient=receiver, document_type_identifier_scheme="busdox-docid-qns",
            document_type_identifier_value=document_type, process_identifier=process,
            sender_country_id=country, document_identification_instance_identifier=instance,
            references=references,
        )  # fmt: skip
        body, boundary = message.get_request_data()
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            response = await client.post(
                url, content=body, headers=message.get_http_headers(boundary)
            )
        return _outcome(response, message, peer)


def _parts(headers: dict[str, str], body: bytes) -> tuple[bytes, dict[str, bytes]] | None:
    """The SOAP part and the attachments; None leaves it to the library to say what is wrong."""
    head = f"Content-Type: {headers.get('content-type', '')}\r\n\r\n".encode()
    parts = list(BytesParser(policy=compat32).parsebytes(head + body).walk())[1:]
    contents = [part.get_payload(decode=True) for part in parts]
    if len(parts) < 2 or not all(isinstance(content, bytes) for content in contents):
        return None
    soap, *attachments = [bytes(content) for content in contents]
    names = [str(part.get("Content-ID", "")).strip("<> ") for part in parts[1:]]
    return soap, dict(zip(names, attachments, strict=True))


def _outcome(response: httpx.Response, message: Any, peer: x509.Certificate) -> dict[str, Any]:
    said: dict[str, Any] = {"status": response.status_code, "message_id": message.message_id}
    try:
        receipt = parse_peppol_receipt(response.content, peer)
        if receipt.error is None:
            receipt.verify_non_repudiation(message.signed_references)
            return {**said, "accepted": True}
    except ReceiptVerificationError as error:
        return {**said, "accepted": False, "problem": str(error)}
    detail = receipt.error.error_detail
    return {
        **said,
        "accepted": False,
        "error": receipt.error.error_code,
        "detail": detail.value if detail else "",
    }


def _party(certificate: Path, key: Path) -> AS4InternalParty:
    own = x509.load_pem_x509_certificate(certificate.read_bytes())
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("an access point's key is an RSA key")
    return create_peppol_internal_party(_ap_id(own), own, AS4LocalPrivateKey(private))


def _ap_id(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _signal(body: bytes) -> Response:
    return Response(body, media_type=SOAP)


def _cut(request: Request) -> None:
    """Abort the TCP connection under uvicorn: the sender sees a reset after its last byte."""
    cycle = getattr(request.receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        transport.abort()


def main() -> None:
    """Run the access point until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", dest="folder", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--authority", type=Path, action="append", required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()

    async def start() -> pages.Peer:
        return AccessPoint(Options(**vars(given)))

    pages.run(start)


if __name__ == "__main__":
    main()
