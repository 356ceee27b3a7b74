"""A mail server that keeps what it gets: `python -m deploy.local.peers.mailbox --folder DIR`.

Real SMTP with STARTTLS, optional AUTH, and delivery status notifications (RFC 3461). Every
accepted message is one `.eml` file, byte for byte as received, with its envelope beside it as JSON.
"""

# ruff: noqa: N802 - aiosmtpd finds its hooks by these names

import argparse
import asyncio
import email
import email.policy
import hashlib
import json
import logging
import ssl
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from mailbox import Maildir
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.local.peers import dsn, pages

logging.getLogger("mail.log").setLevel(logging.ERROR)

MESSAGE_BYTES = 36 * 1024 * 1024


@dataclass
class Behaviour:
    """The switches of misbehaviour; all off, the server is a good one."""

    delay_seconds: float = 0.0
    """Before the answer to the message."""
    refuse: dict[str, str] = field(default_factory=dict)
    """Recipient ("*" for any) → the reply to its RCPT, e.g. "550 5.1.1 no such user"."""
    reply: str = ""
    """The reply to the message instead of 250, e.g. "451 4.3.0 try later"; nothing is kept."""
    cut: str = ""
    """"kept" or "lost": the line is cut after the last byte, before the answer."""
    times: int = -1
    """How many messages the two above hold for; -1 for ever."""
    offers_dsn: bool = True
    closes: str = ""
    """"MAIL" or "RCPT": a connection's second message gets 421 there, and the connection ends."""

    def once(self) -> bool:
        """Whether the next message meets the misbehaviour; counts down."""
        if self.times == 0:
            return False
        self.times -= self.times > 0
        return True


@dataclass(frozen=True)
class Received:
    """One kept message and the envelope it came in."""

    id: str
    received_at: str
    mail_from: str
    rcpt_to: list[str]
    tls: bool
    size: int
    sha256: str
    envelope_id: str
    subject: str
    message_id: str


class Store:
    """The messages in a folder, in the order of their arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._next = max((int(path.stem) for path in folder.glob("*.json")), default=0) + 1

    def add(self, content: bytes, mail_from: str, rcpt_to: list[str], **more: Any) -> Received:
        headers = email.message_from_bytes(content, policy=email.policy.default)
        name = f"{self._next:08d}"
        self._next += 1
        received = Received(
            id=name,
            received_at=datetime.now(UTC).isoformat(),
            mail_from=mail_from,
            rcpt_to=rcpt_to,
            tls=bool(more.get("tls", False)),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            envelope_id=str(more.get("envelope_id", "")),
            subject=str(headers.get("Subject", "")),
            message_id=str(headers.get("Message-ID", "")),
        )
        (self.folder / f"{name}.eml").write_bytes(content)
        partial = self.folder / f"{name}.json.part"
        partial.write_text(json.dumps(asdict(received)))
        partial.rename(self.folder / f"{name}.json")
        return received

    def all(self) -> list[Received]:
        return [
            Received(**json.loads(path.read_text())) for path in sorted(self.folder.glob("*.json"))
        ]

    def one(self, name: str) -> Received | None:
        path = self.folder / f"{name}.json"
        return (
            Received(**json.loads(path.read_text())) if name.isdecimal() and path.exists() else None
        )

    def content(self, name: str) -> bytes:
        return (self.folder / f"{name}.eml").read_bytes()


class Server(SMTP):
    """aiosmtpd plus the parameters of RFC 3461, which it would refuse."""

    messages = 0
    """Begun on this connection."""

    async def smtp_MAIL(self, arg: str | None) -> None:
        self.messages += 1
        if await self._closes("MAIL"):
            return
        rest, parameters = dsn.split_parameters(arg, ("RET", "ENVID"))
        self.dsn_envelope_id = dsn.xtext(parameters.get("ENVID", ""))
        self.dsn_notify: dict[str, set[str]] = {}
        await super().smtp_MAIL(rest)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if await self._closes("RCPT"):
            return
        rest, parameters = dsn.split_parameters(arg, ("NOTIFY", "ORCPT"))
        before = len(self.envelope.rcpt_tos) if self.envelope else 0
        await super().smtp_RCPT(rest)
        if self.envelope and len(self.envelope.rcpt_tos) > before:
            wishes = parameters.get("NOTIFY", "").upper()
            self.dsn_notify[self.envelope.rcpt_tos[-1]] = set(wishes.split(",")) - {""}

    async def _closes(self, at: str) -> bool:
        if self.messages < 2 or self.event_handler.behaviour.closes != at:
            return False
        await self.push("421 4.7.0 mailbox.localhost has served you for long enough")
        if self.transport is not None:
            self.transport.close()
        return True


class Handler:
    """What the server does with a session; the names are aiosmtpd's hooks."""

    def __init__(
        self, store: Store, behaviour: Behaviour, hostname: str, reports: Maildir | None
    ) -> None:
        self.store, self.behaviour, self.hostname = store, behaviour, hostname
        self.reports = reports

    async def handle_EHLO(
        self, _: Server, session: Session, __: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return (
            [*responses[:-1], "250-DSN", responses[-1]] if self.behaviour.offers_dsn else responses
        )

    async def handle_RCPT(
        self, _: Server, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refused = self.behaviour.refuse
        if reply := refused.get(address) or refused.get("*"):
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return f"250 2.1.5 <{address}> ok"

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        behaviour = self.behaviour
        await asyncio.sleep(behaviour.delay_seconds)
        wrong = (behaviour.cut or behaviour.reply) and behaviour.once()
        if wrong and behaviour.cut != "kept":
            if behaviour.cut:
                _cut(server)
            return behaviour.reply or "451 4.3.0 never seen: the line is cut"
        content = envelope.original_content or b""
        received = self.store.add(
            content,
            envelope.mail_from or "",
            list(envelope.rcpt_tos),
            tls=session.ssl is not None,
            envelope_id=server.dsn_envelope_id,
        )
        self._notify(server, content, received)
        if wrong:
            _cut(server)
        return f"250 2.0.0 kept as {received.id}"

    def _notify(self, server: Server, content: bytes, received: Received) -> None:
        """The notifications that were asked for go to the sender, whose mailbox is here too."""
        wanted = [who for who, wishes in server.dsn_notify.items() if "SUCCESS" in wishes]
        if wanted and received.mail_from:
            report = dsn.success(
                self.hostname, received.mail_from, wanted, received.envelope_id, content
            )
            self.store.add(report, "", [received.mail_from])
            if self.reports is not None:
                self.reports.add(report)


@dataclass(frozen=True)
class Options:
    """How to run the mailbox; ports 0 mean any free one."""

    folder: Path
    certificate: Path | None = None
    key: Path | None = None
    smtp_port: int = 0
    http_port: int = 0
    reports: Path | None = None
    """A Maildir that gets what comes back to senders as well: their mailbox."""
    users: Mapping[str, str] = field(default_factory=dict)
    """User → password; when given, mail is taken after AUTH only."""


class Mailbox(pages.Peer):
    """A running mailbox."""

    def __init__(self, options: Options) -> None:
        self.behaviour = Behaviour()
        self.store = Store(options.folder)
        self.options = options
        self.reports = None if options.reports is None else Maildir(options.reports)
        super().__init__(pages.application(_routes(self.store), self.behaviour), options.http_port)

    async def start(self) -> "Mailbox":
        self.handler = Handler(self.store, self.behaviour, "mailbox.localhost", self.reports)
        self._servers: weakref.WeakSet[Server] = weakref.WeakSet()
        context = _tls(self.options)
        users = self.options.users

        def authenticate(*given: Any) -> AuthResult:
            word = given[-1]
            known = isinstance(word, LoginPassword) and users.get(word.login.decode()) == (
                word.password.decode()
            )
            return AuthResult(success=known, handled=False)

        def connection() -> Server:
            server = Server(
                self.handler,
                hostname="mailbox.localhost",
                ident="Facteur's mailbox",
                data_size_limit=MESSAGE_BYTES,
                enable_SMTPUTF8=True,
                tls_context=context,
                auth_required=bool(users),
                authenticator=authenticate if users else None,
            )
            self._servers.add(server)
            return server

        opened = pages.listener(self.options.smtp_port)
        self.ports["smtp"] = opened.getsockname()[1]
        self._smtp = await asyncio.get_running_loop().create_server(connection, sock=opened)
        return self

    def cut_connections(self) -> None:
        """End every open connection without a word."""
        for server in self._servers:
            _cut(server)

    async def close_smtp(self) -> None:
        """Be down: nobody listens any more."""
        self._smtp.close()
        self.cut_connections()
        await asyncio.sleep(0)

    async def close(self) -> None:
        await self.close_smtp()
        await super().close()


def _cut(server: Server) -> None:
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()


def _tls(options: Options) -> ssl.SSLContext | None:
    if options.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certificate, options.key)
    return context


def _routes(store: Store) -> list[Route]:
    async def index(_: Request) -> Response:
        return pages.page("mailbox.html", messages=list(reversed(store.all())))

    async def listing(_: Request) -> Response:
        return JSONResponse([asdict(received) for received in store.all()])

    async def message(request: Request) -> Response:
        received = store.one(request.path_params["id"])
        if received is None:
            return PlainTextResponse("no such message\n", status_code=404)
        parsed = email.message_from_bytes(store.content(received.id), policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)  # noqa: S101 - what this policy makes
        body = parsed.get_body(("plain",))
        return pages.page(
            "message.html",
            received=received,
            headers=parsed.items(),
            text=body.get_content() if body else "",
            attachments=list(parsed.iter_attachments()) if parsed.is_multipart() else [],
        )

    async def raw(request: Request) -> Response:
        received = store.one(request.path_params["id"])
        if received is None:
            return PlainTextResponse("no such message\n", status_code=404)
        return Response(store.content(received.id), media_type="message/rfc822")

    return [
        Route("/", index),
        Route("/messages.json", listing),
        Route("/messages/{id}", message),
        Route("/messages/{id}/raw", raw),
    ]


def main() -> None:
    """Run a mailbox until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--reports", type=Path)
    parser.add_argument("--smtp-port", type=int, default=0)
    parser.add_argument("--http-port", type=int, default=0)
    given = parser.parse_args()

    async def start() -> pages.Peer:
        return await Mailbox(Options(**vars(given))).start()

    pages.run(start)


if __name__ == "__main__":
    main()
