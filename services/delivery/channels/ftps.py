"""FTPS (RFC 4217, explicit TLS), the server's certificate verified, its TLS session reused."""

import asyncio
import ftplib
import hashlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from services.delivery.channels.addresses import ForbiddenAddress, connect
from services.delivery.channels.files import (
    FileRoute,
    FileSettings,
    absent,
    arrived,
    file_name,
    read_route,
    remote_path,
)
from services.delivery.channels.pool import Pool
from services.delivery.domain.outcome import (
    ChannelName,
    Failed,
    Job,
    NotTaken,
    Outcome,
    Refused,
    Unknown,
)

T = TypeVar("T")

_LOST = (OSError, EOFError)
"""What a connection that ends looks like; ssl.SSLError is an OSError."""


def _certificates(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        ssl.create_default_context(cadata=value)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(
            "certificates in PEM, starting with -----BEGIN CERTIFICATE-----"
        ) from error
    return value


class FtpsRoute(FileRoute):
    """An FTPS server, and who vouches for its certificate."""

    port: int = Field(default=21, ge=1, le=65535)
    ca: Annotated[str | None, Field(max_length=65536), AfterValidator(_certificates)] = None
    """PEM: the only authorities (or the very certificate) trusted; None: the system's."""


class FtpsChannel:
    """One instance a worker process; connections are kept, each for one upload at a time."""

    name: ChannelName = "ftps"
    needs_readable = False

    def __init__(self, settings: FileSettings | None = None) -> None:
        self._settings = settings or FileSettings()
        # ftplib blocks; the loop's own threads would be too few
        self._threads = ThreadPoolExecutor(self._settings.connections, "ftps")
        self._pool: Pool[Client] = Pool(
            self._quit, idle_seconds=self._settings.idle_seconds, each=self._settings.connections
        )

    async def prepare(self, job: Job) -> bytes | None:
        """Nothing to prepare: the original goes as it is; Refused for unusable settings."""
        read_route(FtpsRoute, "ftps", job.route)
        return None

    async def send(self, job: Job) -> Outcome:
        """Upload under a temporary name, check the size, rename."""
        return await self._attempt(job, self._upload)

    async def settle(self, job: Job) -> Outcome:
        """The final file with the right size is delivered; a part is made whole and renamed."""
        return await self._attempt(job, self._settle)

    async def close(self) -> None:
        """End every kept connection."""
        await self._pool.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _attempt(self, job: Job, step: "_Step") -> Outcome:
        try:
            route = read_route(FtpsRoute, "ftps", job.route)
            client = await self._client(route, job)
        except Refused as refused:
            return Failed(refused.words, refused.code, retryable=False)
        except ForbiddenAddress as forbidden:
            return Failed(str(forbidden), "ftps.address", retryable=False)
        except ssl.SSLCertVerificationError as error:
            return Failed(f"the server's certificate is not trusted: {error}", "ftps.certificate")
        except _Denied as denied:
            return Failed(str(denied), "ftps.auth", retryable=False)
        except (ftplib.Error, *_LOST) as error:
            return _failed(error)
        try:
            outcome = await step(client, route, job)
        except NotTaken:
            await self._thread(client.close)
            raise
        except ftplib.error_reply as error:
            # out of step with the server: not to be used again
            await self._thread(client.close)
            return _failed(error)
        except (ftplib.error_perm, ftplib.error_temp) as error:
            await self._after_refusal(route, job, client, error)
            return _failed(error)
        except (ftplib.Error, *_LOST) as error:
            await self._thread(client.close)
            return _failed(error)
        if isinstance(outcome, Unknown):
            await self._thread(client.close)
        else:
            self._pool.give(_key(route, job), client)
        return outcome

    async def _upload(self, client: "Client", route: FtpsRoute, job: Job) -> Outcome:
        path = remote_path(route, file_name(route, job))
        part, content = f"{path}.part", job.original.content
        if failed := await self._thread(_store, client, part, content):
            return failed
        try:
            await job.last_step()
        except NotTaken:
            with suppress(ftplib.Error, *_LOST):
                await self._thread(client.delete, part)
            raise
        return await self._thread(_rename, client, route, path, len(content))

    async def _settle(self, client: "Client", route: FtpsRoute, job: Job) -> Outcome:
        path = remote_path(route, file_name(route, job))
        size = await self._thread(client.find_size, path)
        if size == len(job.original.content):
            return arrived(route, path, size, f"found there: {path}, {size} bytes")
        if size is None and await self._thread(client.find_size, f"{path}.part") is None:
            return absent("ftps", path, job)
        return await self._upload(client, route, job)

    async def _after_refusal(
        self, route: FtpsRoute, job: Job, client: "Client", error: ftplib.Error
    ) -> None:
        """A 421 announces the end of the connection, a 425, 426 or 522 a broken data channel."""
        if str(error)[:3] in ("421", "425", "426", "522"):
            await self._thread(client.close)
        else:
            self._pool.give(_key(route, job), client)

    async def _client(self, route: FtpsRoute, job: Job) -> "Client":
        """A kept connection that still answers, else a new one."""
        while (kept := self._pool.take(_key(route, job))) is not None:
            try:
                await self._thread(kept.voidcmd, "NOOP")
            except (ftplib.Error, *_LOST):
                await self._thread(kept.close)
            else:
                return kept
        sock = await connect(
            route.host,
            route.port,
            allow_private=self._settings.allow_private_addresses,
            timeout_seconds=self._settings.timeout_seconds,
        )
        client = Client(context=_context(route.ca), timeout=self._settings.timeout_seconds)
        try:
            await self._thread(
                client.open, sock, route.host, route.user, job.secrets.get("password", "")
            )
        except BaseException:
            await self._thread(client.close)
            raise
        return client

    async def _thread(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    async def _quit(self, client: "Client") -> None:
        await self._thread(_quit, client)


_Step = Callable[["Client", FtpsRoute, Job], Awaitable[Outcome]]


class Client(ftplib.FTP_TLS):
    """ftplib plus what it leaves out: TLS session reuse, and sockets without Nagle's delay."""

    def open(self, sock: socket.socket, host: str, user: str, password: str) -> None:
        """Greet, secure both channels and sign in over a connected socket.

        Raises _Denied for refused credentials, else ftplib's errors, OSError or EOFError.
        """
        sock.settimeout(self.timeout)
        self.host, self.sock, self.af = host, sock, sock.family
        self.file = sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        self.auth()
        try:
            self.login(user, password)
        except ftplib.error_perm as error:
            raise _Denied(f"the server refused the sign-in of {user}: {error}") from error
        self.prot_p()
        self.voidcmd("TYPE I")

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """Open the data channel in the control channel's TLS session, as strict servers ask."""
        plain = ftplib.FTP.ntransfercmd
        line, size = plain(self, cmd, rest)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        control = self.sock
        assert isinstance(control, ssl.SSLSocket)  # noqa: S101 - `open` has seen to it
        try:
            return self._secured(line, control.session), size
        except OSError:
            line.close()
            # why the server wants no such channel stands on the control channel
            self.voidresp()
            raise

    def _secured(self, line: socket.socket, session: ssl.SSLSession | None) -> ssl.SSLSocket:
        return self.context.wrap_socket(line, server_hostname=self.host, session=session)

    def store(self, path: str, content: bytes) -> None:
        """Upload the bytes; a refusal in mid-transfer is told in the server's words.

        Servers that refuse (a full disk) end the data channel first, and some end it rudely after
        everything arrived: the answer on the control channel decides, then the file's size.
        """
        line, _ = self.ntransfercmd(f"STOR {path}")
        try:
            with line:
                line.sendall(content)
                if isinstance(line, ssl.SSLSocket):
                    line.unwrap()
        except TimeoutError:
            raise
        except OSError:
            self.voidresp()
        else:
            self.voidresp()

    def find_size(self, path: str) -> int | None:
        """The size in bytes, or None when there is no such file."""
        try:
            return self.size(path)
        except ftplib.error_perm as error:
            if str(error).startswith("550"):
                return None
            raise


class _Denied(Exception):
    """The server refused user or password."""


def _store(client: Client, part: str, content: bytes) -> Failed | None:
    """Upload under the temporary name; None when the server counts the same bytes."""
    client.store(part, content)
    if (size := client.find_size(part)) != len(content):
        return Failed(f"{part} has {size} bytes instead of {len(content)}", "ftps.size")
    return None


def _rename(client: Client, route: FtpsRoute, path: str, size: int) -> Outcome:
    """Give the part its final name. Its positive answer is the proof: whoever fetches files at once may
    have it already."""
    answer = client.sendcmd(f"RNFR {path}.part")
    if not answer.startswith("3"):
        raise ftplib.error_reply(answer)  # noqa: S321 - an exception
    try:
        answer = client.voidcmd(f"RNTO {path}")
    except _LOST as error:
        words = str(error) or type(error).__name__
        return Unknown(f"the connection was lost while {path}.part was renamed: {words}")
    return arrived(route, path, size, f"{answer} ({path}, {size} bytes)")


def _quit(client: Client) -> None:
    try:
        client.sock.settimeout(2)  # type: ignore[union-attr]
        client.quit()
    except (ftplib.Error, *_LOST):
        client.close()


@lru_cache(maxsize=256)
def _context(ca: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _key(route: FtpsRoute, job: Job) -> Hashable:
    """Two accounts never share a connection, nor two passwords of one account."""
    secret = hashlib.sha256(repr(sorted(job.secrets.items())).encode()).hexdigest()
    return (route.host, route.port, route.user, route.ca, secret)


def _failed(error: Exception) -> Failed:
    """The server's own line, or how the connection ended."""
    code = "ftps.refused" if isinstance(error, ftplib.Error) else "ftps.connection"
    return Failed(str(error) or type(error).__name__, code)
