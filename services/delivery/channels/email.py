"""E-mail: the readable PDF and the original in one message, handed to the platform's own server."""

import asyncio

import aiosmtplib

from services.delivery.channels.email_connections import (
    Connections,
    NotSent,
    refused_or_away,
    words_of,
)
from services.delivery.channels.email_message import Dkim, Heading, build, message_id
from services.delivery.channels.email_settings import SmtpServer, read_route
from services.delivery.domain.outcome import (
    ChannelName,
    Delivered,
    Failed,
    Job,
    Outcome,
    Refused,
    Unknown,
)

WORTH_A_THREAD = 256 * 1024
"""Bytes of attachments from which building a message takes more than a few milliseconds."""


class EmailChannel:
    """One instance a worker process; its connections are kept between messages."""

    name: ChannelName = "email"
    needs_readable = True

    def __init__(self, server: SmtpServer, *, reports: bool = False) -> None:
        """`reports`: somebody reads what comes back to the sender's address."""
        self._server, self._reports = server, reports
        self._dkim = _dkim(server)
        self._connections = Connections(server)

    async def prepare(self, job: Job) -> bytes | None:
        """The MIME message, signed when a key is configured."""
        route = read_route(job)
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
            recipients = read_route(job).recipients
        except Refused as refused:
            return Failed(refused.words, refused.code, retryable=False)
        try:
            smtp, refused_words = await self._connections.open_envelope(job, recipients)
        except NotSent as reason:
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
        await self._connections.close()

    def _message_id(self, job: Job) -> str:
        return message_id(job, self._server.sender)

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
            await self._connections.keep(smtp)
            return refused_or_away(error)
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            return Unknown(
                f"the connection was lost before the server answered the message: {words_of(error)}",
                needs_person=not (dsn and self._reports),
            )
        # whatever happens from here on, the server has taken the message
        self._connections.give(smtp)
        proof = {
            "reply": f"{answer.code} {answer.message}",
            "server": f"{self._server.host}:{self._server.port}",
            "message_id": self._message_id(job),
            "recipients": f"{recipients - len(refused)}/{recipients}",
        }
        if refused:
            proof["refused"] = "; ".join(f"{who}: {line}" for who, line in refused.items())
        return Delivered(proof["reply"], proof)


def _dkim(server: SmtpServer) -> Dkim | None:
    if server.dkim_key_file is None:
        return None
    if not server.dkim_domain or not server.dkim_selector:
        raise ValueError("dkim_key_file is set: dkim_domain and dkim_selector are needed too")
    return Dkim(server.dkim_domain, server.dkim_selector, server.dkim_key_file.read_bytes())
