"""The SFTP side of the file drop: asyncssh with one folder a user."""

import asyncio
import hmac
import os
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import asyncssh


class SftpBehaviour(Protocol):
    """What the server asks about how to misbehave."""

    delay_seconds: float
    refuse: str
    full: bool
    other_host_key: bool

    def cuts(self, moment: str) -> bool: ...

    def renamed(self, path: Path, storage: Path) -> None: ...


class SftpPeer:
    """A running SFTP server."""

    def __init__(
        self, acceptor: Any, keys: tuple[Path, Path], port: int, connections: "_Connections"
    ) -> None:
        self._acceptor, self._keys, self.port = acceptor, keys, port
        self._open = connections

    def show_key(self, *, other: bool) -> None:
        """Which host key new connections are shown."""
        self._acceptor.update(server_host_keys=[str(self._keys[other])])

    async def close(self) -> None:
        self._acceptor.close()
        for connection in list(self._open):
            connection.abort()
        await self._acceptor.wait_closed()


def host_keys(folder: Path) -> tuple[Path, Path]:
    """The server's key and another one to change it for; made once, mode 0600."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "host_key", folder / "other_host_key"
    for path in paths:
        if not path.exists():
            key = asyncssh.generate_private_key("ssh-ed25519")
            with os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(key.export_private_key())
            path.with_suffix(".pub").write_bytes(key.export_public_key())
    return paths


async def start(
    behaviour: SftpBehaviour,
    storage: Path,
    keys: tuple[Path, Path],
    users: Mapping[str, str],
    authorized_keys: Path | None,
    listener: socket.socket,
) -> SftpPeer:
    """Serve SFTP on the listener."""
    connections: _Connections = set()
    keywords: dict[str, Any] = {}
    if authorized_keys is not None:
        keywords["authorized_client_keys"] = str(authorized_keys)
    acceptor = await asyncssh.listen(
        sock=listener,
        server_factory=partial(_Login, behaviour, users, connections),
        server_host_keys=[str(keys[behaviour.other_host_key])],
        sftp_factory=partial(_Files, behaviour, storage),
        allow_scp=False,
        **keywords,
    )
    return SftpPeer(acceptor, keys, listener.getsockname()[1], connections)


_Connections = set[asyncssh.SSHServerConnection]


class _Login(asyncssh.SSHServer):
    def __init__(
        self, behaviour: SftpBehaviour, users: Mapping[str, str], connections: _Connections
    ) -> None:
        self._behaviour, self._users, self._open = behaviour, users, connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._open.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it ended is all one
        self._open.discard(self._connection)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - nobody gets in without
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        known = self._users.get(username, "").encode()
        fits = hmac.compare_digest(known, password.encode())
        return bool(known) and fits and self._behaviour.refuse != "login"


class _Files(asyncssh.SFTPServer):
    def __init__(self, behaviour: SftpBehaviour, storage: Path, channel: Any) -> None:
        self._behaviour, self._storage, self._channel = behaviour, storage, channel
        super().__init__(channel, chroot=bytes(storage / channel.get_extra_info("username")))

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if self._behaviour.refuse == "write" and pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("this folder is read-only")
        return super().open(path, pflags, attrs)

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        if self._behaviour.full:
            raise asyncssh.SFTPFailure("No space left on device")
        return super().write(file_obj, offset, data)

    async def close(self, file_obj: Any) -> None:
        writes = file_obj.writable()
        super().close(file_obj)
        if writes and self._behaviour.cuts("written"):
            await self._cut()

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().rename(oldpath, newpath)
        await self._renamed(newpath)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().posix_rename(oldpath, newpath)
        await self._renamed(newpath)

    async def _renamed(self, path: bytes) -> None:
        self._behaviour.renamed(Path(os.fsdecode(self.map_path(path))), self._storage)
        await asyncio.sleep(self._behaviour.delay_seconds)
        if self._behaviour.cuts("renamed"):
            await self._cut()

    async def _cut(self) -> None:
        self._channel.get_connection().abort()
        # the answer must not overtake the cut
        await asyncio.sleep(0.05)
