"""SFTP (draft-ietf-secsh-filexfer-02 over SSH) with a pinned host key."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

import asyncssh
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
from services.delivery.domain.outcome import (
    ChannelName,
    Failed,
    Job,
    NotTaken,
    Outcome,
    Refused,
    Unknown,
)

_LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.Error, OSError)


def _public_key(value: str) -> str:
    try:
        asyncssh.import_public_key(value)
    except asyncssh.KeyImportError as error:
        raise ValueError("an OpenSSH public key, such as `ssh-ed25519 AAAA…`") from error
    return value.strip()


class SftpRoute(FileRoute):
    """An SFTP server, and the key it must show."""

    port: int = Field(default=22, ge=1, le=65535)
    host_key: Annotated[str, Field(max_length=4096), AfterValidator(_public_key)]
    """The server's public key as in its `.pub` file: no other server is talked to."""


_Step = Callable[[asyncssh.SFTPClient, SftpRoute, Job], Awaitable[Outcome]]


@dataclass
class _Line:
    """One connection, used by many uploads at once."""

    connection: asyncssh.SSHClientConnection
    client: asyncssh.SFTPClient
    users: int = 0
    expiry: asyncio.TimerHandle | None = None

    def close(self) -> None:
        self.client.exit()
        self.connection.close()


class SftpChannel:
    """One instance a worker process; one connection to a server is shared by its uploads."""

    name: ChannelName = "sftp"
    needs_readable = False

    def __init__(self, settings: FileSettings | None = None) -> None:
        self._settings = settings or FileSettings()
        self._lines: dict[Hashable, asyncio.Task[_Line]] = {}

    async def prepare(self, job: Job) -> bytes | None:
        """Nothing to prepare: the original goes as it is; Refused for unusable settings."""
        read_route(SftpRoute, "sftp", job.route)
        return None

    async def send(self, job: Job) -> Outcome:
        """Upload under a temporary name, check the size, rename."""
        return await self._attempt(job, self._upload)

    async def settle(self, job: Job) -> Outcome:
        """The final file with the right size is delivered; a part is made whole and renamed."""
        return await self._attempt(job, self._settle)

    async def close(self) -> None:
        """End every connection."""
        tasks, self._lines = list(self._lines.values()), {}
        for task in tasks:
            task.cancel()
            if task.done() and not task.cancelled() and task.exception() is None:
                line = task.result()
                if line.expiry is not None:
                    line.expiry.cancel()
                line.close()
                await line.connection.wait_closed()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, job: Job, step: _Step) -> Outcome:
        try:
            route = read_route(SftpRoute, "sftp", job.route)
            async with self._line(route, job) as client:
                return await step(client, route, job)
        except Refused as refused:
            return Failed(refused.words, refused.code, retryable=False)
        except ForbiddenAddress as forbidden:
            return Failed(str(forbidden), "sftp.address", retryable=False)
        except asyncssh.HostKeyNotVerifiable as error:
            return _host_key_changed(job, error)
        except asyncssh.KeyExchangeFailed as error:
            # it has no key of the pinned one's kind
            return _host_key_changed(job, error) if "host key" in str(error) else _failed(error)
        except asyncssh.PermissionDenied as error:
            words = f"the server refused the sign-in of {job.route.get('user')}: {error.reason}"
            return Failed(words, "sftp.auth", retryable=False)
        except _LOST as error:
            return _failed(error)

    async def _upload(self, client: asyncssh.SFTPClient, route: SftpRoute, job: Job) -> Outcome:
        path = remote_path(route, file_name(route, job))
        part, content = f"{path}.part", job.original.content
        # a server that keeps the line open and says nothing must not hold the attempt for ever
        async with asyncio.timeout(4 * self._settings.timeout_seconds):
            async with client.open(part, "wb") as file:
                await file.write(content)
            size = await client.getsize(part)
        if size != len(content):
            return Failed(f"{part} has {size} bytes instead of {len(content)}", "sftp.size")
        try:
            await job.last_step()
        except NotTaken:
            with suppress(*_LOST):
                await client.remove(part)
            raise
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                await self._rename(client, part, path)
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError,
                OSError) as error:  # fmt: skip
            return Unknown(f"the connection was lost while {part} was renamed: {_words(error)}")
        # renamed, says the server: whoever fetches files at once may have it already
        return arrived(route, path, size, f"{path}: {size} bytes on {route.host}")

    async def _rename(self, client: asyncssh.SFTPClient, part: str, path: str) -> None:
        """Replace atomically where the server can, else rename as SFTP 3 does."""
        try:
            await client.posix_rename(part, path)
        except asyncssh.SFTPOpUnsupported:
            if await client.exists(path):
                await client.remove(path)
            await client.rename(part, path)

    async def _settle(self, client: asyncssh.SFTPClient, route: SftpRoute, job: Job) -> Outcome:
        path = remote_path(route, file_name(route, job))
        if await client.exists(path):
            size = await client.getsize(path) or 0
            if size == len(job.original.content):
                return arrived(route, path, size, f"found there: {path}, {size} bytes")
        elif not await client.exists(f"{path}.part"):
            return absent("sftp", path, job)
        # blocks are written side by side: a part of the right size may still have holes
        return await self._upload(client, route, job)

    @asynccontextmanager
    async def _line(self, route: SftpRoute, job: Job) -> AsyncIterator[asyncssh.SFTPClient]:
        """The shared connection to that server for that account, made when there is none."""
        key = _key(route, job)
        task = self._lines.get(key)
        if task is None or _dead(task):
            task = self._lines[key] = asyncio.ensure_future(self._connect(route, job))
        try:
            line = await asyncio.shield(task)
        except BaseException:
            if self._lines.get(key) is task and task.done():
                del self._lines[key]
            raise
        if line.expiry is not None:
            line.expiry.cancel()
        line.users += 1
        try:
            yield line.client
        except (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, TimeoutError):
            line.connection.abort()
            raise
        finally:
            line.users -= 1
            if line.users == 0:
                loop = asyncio.get_running_loop()
                idle = self._settings.idle_seconds
                line.expiry = loop.call_later(idle, self._expire, key, task)

    def _expire(self, key: Hashable, task: "asyncio.Task[_Line]") -> None:
        if self._lines.get(key) is task:
            del self._lines[key]
        task.result().close()

    async def _connect(self, route: SftpRoute, job: Job) -> _Line:
        seconds = self._settings.timeout_seconds
        sock = await connect(
            route.host,
            route.port,
            allow_private=self._settings.allow_private_addresses,
            timeout_seconds=seconds,
        )
        keys = _client_keys(job)
        connection = await asyncssh.connect(
            route.host,
            sock=sock,
            username=route.user,
            password=job.secrets.get("password"),
            client_keys=keys or None,
            known_hosts=([asyncssh.import_public_key(route.host_key)], [], []),
            # nothing of this machine's own SSH set-up takes part
            config=None,
            agent_path=None,
            preferred_auth="publickey,password" if keys else "password",
            connect_timeout=seconds,
            login_timeout=seconds,
            keepalive_interval=seconds / 3,
        )
        try:
            client = await connection.start_sftp_client()
        except BaseException:
            connection.close()
            raise
        return _Line(connection, client)


def _key(route: SftpRoute, job: Job) -> Hashable:
    """Two accounts never share a connection, nor two passwords of one account."""
    secret = hashlib.sha256(repr(sorted(job.secrets.items())).encode()).hexdigest()
    return (route.host, route.port, route.user, route.host_key, secret)


def _dead(task: "asyncio.Task[_Line]") -> bool:
    if not task.done():
        return False
    return task.cancelled() or task.exception() is not None or task.result().connection.is_closed()


def _client_keys(job: Job) -> list[asyncssh.SSHKey]:
    pem = job.secrets.get("private_key")
    if not pem:
        return []
    try:
        return [asyncssh.import_private_key(pem, job.secrets.get("passphrase"))]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise Refused(
            "sftp.key", f"the private key of this route can't be read: {error}"
        ) from error


def _host_key_changed(job: Job, error: Exception) -> Failed:
    return Failed(
        f"ALERT: {job.route.get('host')} shows another host key than the one on record. Nothing was "
        "sent. Ask the server's owner whether they changed it; only then record the new key. "
        f"({_words(error)})",
        "sftp.host_key",
        retryable=False,
    )


def _failed(error: Exception) -> Failed:
    code = "sftp.refused" if isinstance(error, asyncssh.SFTPError) else "sftp.connection"
    return Failed(_words(error), code)


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error) or type(error).__name__
