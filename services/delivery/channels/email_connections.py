"""Connections to the submission server, kept between messages, up to the envelope (MAIL and RCPT)."""

import ssl

import aiosmtplib

from services.delivery.channels.email_settings import SmtpServer
from services.delivery.channels.pool import Pool
from services.delivery.domain.outcome import Failed, Job

CLOSING = 421


class _Closing(Exception):
    """The server answers 421 and closes the connection (RFC 5321, 3.8)."""

    def __init__(self, answer: aiosmtplib.SMTPResponseException) -> None:
        super().__init__(answer.message)
        self.answer = answer


class NotSent(Exception):
    """Nothing of the message has left; holds what to say."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.words)
        self.failed = failed


class Connections:
    """Those of one worker process."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._tls = ssl.create_default_context(cafile=server.ca_file)
        self._pool: Pool[aiosmtplib.SMTP] = Pool(
            _quit, idle_seconds=server.idle_seconds, each=server.connections
        )

    async def open_envelope(
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
            raise NotSent(refused_or_away(error.answer)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            raise NotSent(refused_or_away(error)) from error

    async def _envelope(
        self, smtp: aiosmtplib.SMTP, job: Job, recipients: list[str]
    ) -> dict[str, str]:
        """The refused recipients with the server's words; NotSent when nobody is left, _Closing when
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
            await self.keep(smtp)
            raise NotSent(refused_or_away(error)) from error
        if len(refused) == len(recipients):
            await self.keep(smtp)
            words = "; ".join(f"{who}: {line}" for who, line in refused.items())
            final = all(reason.code >= 500 for reason in reasons)
            raise NotSent(Failed(words, "email.recipients", retryable=not final))
        return refused

    def give(self, smtp: aiosmtplib.SMTP) -> None:
        """Back, for the next message."""
        self._pool.give("", smtp)

    async def keep(self, smtp: aiosmtplib.SMTP) -> None:
        """Give a connection back with its envelope emptied, if it still answers."""
        try:
            await smtp.rset()
        except (aiosmtplib.SMTPException, OSError):
            smtp.close()
        else:
            self.give(smtp)

    async def close(self) -> None:
        await self._pool.close()

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
            raise NotSent(Failed(_line(error), "email.auth", retryable=error.code < 500)) from error
        except ssl.SSLError as error:
            smtp.close()
            raise NotSent(Failed(f"TLS failed: {error}", "email.tls")) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            raise NotSent(refused_or_away(error)) from error
        return smtp


def refused_or_away(error: Exception) -> Failed:
    """A refusal in the server's words (4yz may pass later, 5yz won't), or an outage."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        # below 400 stands the library's own code for an answer that is no SMTP
        return Failed(_line(error), "email.refused", retryable=error.code < 500)
    return Failed(words_of(error), "email.connection")


def _line(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {error.message}".strip()


def words_of(error: Exception) -> str:
    return str(error) or type(error).__name__


async def _quit(smtp: aiosmtplib.SMTP) -> None:
    """An error at QUIT is nobody's failure."""
    try:
        await smtp.quit(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        smtp.close()
