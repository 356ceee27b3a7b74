"""E-mail: the readable PDF and the original in one message, handed to the platform's own server."""

import asyncio
import ssl
from pathlib import Path
from typing import Annotated, Literal

import aiosmtplib
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from services.delivery.channels.email_message import Dkim, Heading, build, message_id
from services.delivery.channels.email_texts import Language
from services.delivery.channels.pool import Pool
from services.delivery.domain.outcome import (
    ChannelName,
    Delivered,
    Failed,
    Job,
    Outcome,
    Refused,
    Unknown,
)

CLOSING = 421

WORTH_A_THREAD = 256 * 1024
"""Bytes of attachments from which building a message takes more than a few milliseconds."""


def _ascii_address(value: str) -> str:
    """The address as every server understands it: its domain in ASCII, its local part ASCII."""
    try:
        found = validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"{value!r} is no e-mail address: {error}") from error
    if found.ascii_email is None:
        raise ValueError(f"{value!r}: letters outside ASCII before the @ reach few servers")
    return found.ascii_email


EmailAddress = Annotated[str, Field(max_length=254), AfterValidator(_ascii_address)]


class EmailRoute(BaseModel):
    """Whom one buyer's documents go to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: tuple[EmailAddress, ...] = Field(min_length=1, max_length=20)
    cc: tuple[EmailAddress, ...] = Field(default=(), max_length=20)
    bcc: tuple[EmailAddress, ...] = Field(default=(), max_length=20)
    """In the envelope only, never in the message."""
    reply_to: EmailAddress | None = None
    language: Language | None = None
    """Instead of the buyer's own."""

    @property
    def recipients(self) -> list[str]:
        """Everybody the server is told about, each once."""
        return list(dict.fromkeys((*self.to, *self.cc, *self.bcc)))


class SmtpServer(BaseModel):
    """The platform's submission server (RFC 6409), chosen by the operator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = 587
    sender: EmailAddress
    """Envelope and header sender; reports come back to it."""
    tls: Literal["starttls", "implicit", "plain"] = "starttls"
    """"plain" is for a server on this machine only."""
    ca_file: Path | None = None
    """Authorities (PEM) to trust instead of the system's."""
    username: str | None = None
    password: SecretStr | None = None
    helo: str | None = None
    dkim_domain: str | None = None
    dkim_selector: str | None = None
    dkim_key_file: Path | None = None
    timeout_seconds: float = Field(default=30.0, gt=0)
    connections: int = Field(default=8, ge=1)
    idle_seconds: float = Field(default=20.0, gt=0)


class EmailChannel:
    """One instance a worker process; its connections are kept between messages."""

    name: ChannelName = "email"
    needs_readable = True

    def __init__(self, server: SmtpServer, *, reports: bool = False) -> None:
        """`reports`: somebody reads what comes back to the sender's address."""
        self._server, self._reports = server, reports
        self._dkim = _dkim(server)
        self._tls = ssl.create_default_context(cafile=server.ca_file)
        self._pool: Pool[aiosmtplib.SMTP] = Pool(
            _quit, idle_seconds=server.idle_seconds, each=server.connections
        )

    async def prepare(self, job: Job) -> bytes | None:
        """The MIME message, signed when a key is configured."""
        route = _route(job)
        heading = Heading(
            sender=self._server.sender,
            to=route.to,
            cc=route.cc,
            reply_to=route.reply_to,
            language=route.language or job.language,
        )
        attached = len(job.original.content) + len(job.readable.content if job.readable else b"")
        if attached < WORTH_A_THREAD:
            return build(job, heading, self._dkim)
        return await asyncio.to_thread(build, job, heading, self._dkim)

    async def send(self, job: Job) -> Outcome:
        """One transaction; the server's own line is the proof."""
        if job.prepared is None:
            return Failed("the message was not prepared", "email.unprepared", retryable=False)
        try:
            recipients = _route(job).recipients
        except Refused as refused:
            return Failed(refused.words, refused.code, retryable=False)
        try:
            smtp, refused_words = await self._open_envelope(job, recipients)
        except _NotSent as reason:
            return reason.failed
        return await self._data(smtp, job, job.prepared, len(recipients), refused_words)

    async def settle(self, job: Job) -> Outcome:
        """SMTP can't be asked. A report that came back (in `meta`) decides, else a person."""
        if not job.may_have:
            return Failed("the message was never handed over", "email.unsent")
        words = job.meta.get("report_words", "")
        match job.meta.get("report_fate"):
            case "delivered":
                return Delivered(words, {"report": words, "message_id": self._message_id(job)})
            case "failed":
                final = job.meta.get("report_hard") == "true"
                return Failed(words, "email.bounced", retryable=not final)
        if self._reports:
            return Unknown(
                "the connection was lost after the message was handed over, and no report has come back so "
                "far: ask the buyer, then mark it as delivered or send it again"
            )
        return Unknown(
            "the connection was lost after the message was handed over, and nobody reads the reports of "
            "the mail server: ask the buyer, then mark it as delivered or send it again",
            needs_person=True,
        )

    async def close(self) -> None:
        await self._pool.close()

    def _message_id(self, job: Job) -> str:
        return message_id(job, self._server.sender)

    async def _open_envelope(
        self, job: Job, recipients: list[str]
    ) -> tuple[aiosmtplib.SMTP, dict[str, str]]:
        """MAIL and RCPT on a kept connection, or on a new one where the kept one had died, or its server
        says 421: it closes what has been idle, or open, for long enough."""
        kept = self._pool.take("")
        if kept is not None:
            try:
                return kept, await self._envelope(kept, job, recipients)
            except (
                _Closing, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError,
            ):  # fmt: skip
                kept.close()
        smtp = await self._connect()
        try:
            return smtp, await self._envelope(smtp, job, recipients)
        except _Closing as error:
            smtp.close()
            raise _NotSent(_failed(error.answer)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            raise _NotSent(_failed(error)) from error

    async def _envelope(
        self, smtp: aiosmtplib.SMTP, job: Job, recipients: list[str]
    ) -> dict[str, str]:
        """The refused recipients with the server's words; _NotSent when nobody is left, _Closing when
        the server ends the connection instead."""
        dsn = smtp.supports_extension("dsn")
        options = [f"ENVID={job.envelope_id}", "RET=HDRS"] if dsn else []
        if smtp.supports_extension("size"):
            options.append(f"SIZE={len(job.prepared or b'')}")
        refused: dict[str, str] = {}
        reasons: list[aiosmtplib.SMTPResponseException] = []
        try:
            await smtp.mail(self._server.sender, options=options)
            for recipient in recipients:
                try:
                    await smtp.rcpt(recipient, options=["NOTIFY=SUCCESS,FAILURE"] if dsn else [])
                except aiosmtplib.SMTPRecipientRefused as error:
                    if error.code == CLOSING:
                        raise
                    refused[recipient] = _line(error)
                    reasons.append(error)
        except aiosmtplib.SMTPResponseException as error:
            if error.code == CLOSING:
                raise _Closing(error) from error
            await self._keep(smtp)
            raise _NotSent(_failed(error)) from error
        if len(refused) == len(recipients):
            await self._keep(smtp)
            words = "; ".join(f"{who}: {line}" for who, line in refused.items())
            final = all(reason.code >= 500 for reason in reasons)
            raise _NotSent(Failed(words, "email.recipients", retryable=not final))
        return refused

    async def _data(
        self,
        smtp: aiosmtplib.SMTP,
        job: Job,
        message: bytes,
        recipients: int,
        refused: dict[str, str],
    ) -> Outcome:
        dsn = smtp.supports_extension("dsn")
        try:
            await job.last_step()
        except BaseException:
            smtp.close()
            raise
        try:
            answer = await smtp.data(message)
        except aiosmtplib.SMTPDataError as error:
            await self._keep(smtp)
            return _failed(error)
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            return Unknown(
                f"the connection was lost before the server answered the message: {_words(error)}",
                needs_person=not (dsn and self._reports),
            )
        # whatever happens from here on, the server has taken the message
        self._pool.give("", smtp)
        proof = {
            "reply": f"{answer.code} {answer.message}",
            "server": f"{self._server.host}:{self._server.port}",
            "message_id": self._message_id(job),
            "recipients": f"{recipients - len(refused)}/{recipients}",
        }
        if refused:
            proof["refused"] = "; ".join(f"{who}: {line}" for who, line in refused.items())
        return Delivered(proof["reply"], proof)

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=server.timeout_seconds,
            local_hostname=server.helo or server.sender.rpartition("@")[2],
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            tls_context=self._tls,
        )
        try:
            await smtp.connect()
            if server.username is not None:
                word = server.password.get_secret_value() if server.password else ""
                await smtp.login(server.username, word)
            elif not smtp.last_ehlo_response:
                await smtp.ehlo()
        except aiosmtplib.SMTPAuthenticationError as error:
            smtp.close()
            raise _NotSent(
                Failed(_line(error), "email.auth", retryable=error.code < 500)
            ) from error
        except ssl.SSLError as error:
            smtp.close()
            raise _NotSent(Failed(f"TLS failed: {error}", "email.tls")) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            raise _NotSent(_failed(error)) from error
        return smtp

    async def _keep(self, smtp: aiosmtplib.SMTP) -> None:
        """Give a connection back with its envelope emptied, if it still answers."""
        try:
            await smtp.rset()
        except (aiosmtplib.SMTPException, OSError):
            smtp.close()
        else:
            self._pool.give("", smtp)


class _Closing(Exception):
    """The server answers 421 and closes the connection (RFC 5321, 3.8)."""

    def __init__(self, answer: aiosmtplib.SMTPResponseException) -> None:
        super().__init__(answer.message)
        self.answer = answer


class _NotSent(Exception):
    """Nothing of the message has left; holds what to say."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.words)
        self.failed = failed


def _route(job: Job) -> EmailRoute:
    try:
        return EmailRoute.model_validate(dict(job.route))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Refused("email.route", f"the reception setting {field}: {first['msg']}") from error


def _dkim(server: SmtpServer) -> Dkim | None:
    if server.dkim_key_file is None:
        return None
    if not server.dkim_domain or not server.dkim_selector:
        raise ValueError("dkim_key_file is set: dkim_domain and dkim_selector are needed too")
    return Dkim(server.dkim_domain, server.dkim_selector, server.dkim_key_file.read_bytes())


def _failed(error: Exception) -> Failed:
    """A refusal in the server's words (4yz may pass later, 5yz won't), or an outage."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        # below 400 stands the library's own code for an answer that is no SMTP
        return Failed(_line(error), "email.refused", retryable=error.code < 500)
    return Failed(_words(error), "email.connection")


def _line(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {error.message}".strip()


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


async def _quit(smtp: aiosmtplib.SMTP) -> None:
    """An error at QUIT is nobody's failure."""
    try:
        await smtp.quit(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        smtp.close()
