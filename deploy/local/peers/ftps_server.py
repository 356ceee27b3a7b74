"""The FTPS side of the file drop: pyftpdlib in a thread of its own, TLS required."""

import errno
import logging
import os
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from OpenSSL import SSL
from pyftpdlib.authorizers import AuthenticationFailed, DummyAuthorizer
from pyftpdlib.exceptions import _FileReadWriteError
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.log import logger
from pyftpdlib.servers import FTPServer


class FtpsBehaviour(Protocol):
    """What the server asks about how to misbehave."""

    delay_seconds: float
    refuse: str
    full: bool
    session_reuse: bool

    def cuts(self, moment: str) -> bool: ...

    def renamed(self, path: Path, storage: Path) -> None: ...


class FtpsPeer:
    """A running FTPS server."""

    def __init__(self, server: Any, loop: Any, port: int) -> None:
        self.port = port
        self._server, self._loop = server, loop
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="ftps", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended.is_set():
            self._loop.loop(timeout=0.2, blocking=False)
        self._server.close_all()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()


def start(
    behaviour: FtpsBehaviour,
    storage: Path,
    certificate: tuple[Path, Path],
    users: Mapping[str, str],
    listener: socket.socket,
) -> FtpsPeer:
    """Serve FTPS (explicit TLS, RFC 4217) on the listener."""
    accounts = _Accounts(behaviour)
    for user, password in users.items():
        accounts.add_user(user, password, str(storage / user), perm="elradfmwMT")
    handler = type(
        "Control",
        (_Control,),
        {"behaviour": behaviour, "authorizer": accounts, "ssl_context": _context(certificate)},
    )
    loop = IOLoop()
    server = FTPServer(listener, handler, ioloop=loop)
    logger.setLevel(logging.WARNING)
    return FtpsPeer(server, loop, listener.getsockname()[1])


def _context(certificate: tuple[Path, Path]) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(str(certificate[0]))
    context.use_privatekey_file(str(certificate[1]))
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    context.set_session_id(b"filedrop")
    return context


class _Accounts(DummyAuthorizer):  # type: ignore[misc]
    def __init__(self, behaviour: FtpsBehaviour) -> None:
        super().__init__()
        self._behaviour = behaviour

    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        if self._behaviour.refuse == "login":
            raise AuthenticationFailed("this account is locked")
        super().validate_authentication(username, password, handler)


class _Files(AbstractedFS):  # type: ignore[misc]
    def open(self, filename: str, mode: str) -> Any:
        behaviour, writes = self.cmd_channel.behaviour, set(mode) & set("wa+")
        if behaviour.refuse == "write" and writes:
            raise PermissionError(errno.EACCES, "this folder is read-only")
        opened = super().open(filename, mode)
        return _Full(opened) if behaviour.full and writes else opened


class _Data(TLS_DTPHandler):  # type: ignore[misc]
    def handle_ssl_established(self) -> None:
        if self.cmd_channel.behaviour.session_reuse and not _resumed(self.socket):
            self._resp = ("522 SSL connection failed; session reuse required", logger.warning)
            self.close()

    def handle_error(self) -> None:
        """Say why a file can't be written; pyftpdlib's TLS side would end without an answer."""
        error = sys.exc_info()[1]
        if isinstance(error, _FileReadWriteError):
            self._error = True
            self._resp = (f"452 {error.__cause__}", logger.warning)
            self.close()
        else:
            super().handle_error()

    def close(self) -> None:
        arrived = self.receive and self.transfer_finished and self._resp
        cut = arrived and not self._closed and self.cmd_channel.behaviour.cuts("written")
        if cut:
            self._resp = ()  # type: ignore[assignment]
        super().close()
        if cut:
            _cut(self.cmd_channel)


class _Control(TLS_FTPHandler):  # type: ignore[misc]
    behaviour: FtpsBehaviour
    abstracted_fs = _Files
    dtp_handler = _Data
    tls_control_required = True
    tls_data_required = True
    banner = "file drop ready."
    auth_failed_timeout = 0

    def ftp_RNTO(self, path: str) -> Any:  # noqa: N802 - pyftpdlib's name
        if not self.behaviour.delay_seconds:
            return self._rename(path)
        self.ioloop.call_later(self.behaviour.delay_seconds, self._rename, path)
        return None

    def _rename(self, path: str) -> Any:
        if self.behaviour.cuts("renamed"):
            Path(self._rnfr).rename(path)
            self._fetched(path)
            return _cut(self)
        renamed = super().ftp_RNTO(path)
        self._fetched(path)
        return renamed

    def _fetched(self, path: str) -> None:
        if Path(path).exists():
            self.behaviour.renamed(Path(path), Path(self.fs.root).parent)


def _resumed(line: Any) -> bool:
    """pyOpenSSL doesn't export the question."""
    return bool(SSL._lib.SSL_session_reused(line._ssl))  # type: ignore[attr-defined] # noqa: SLF001


def _cut(control: Any) -> None:
    """End the control connection without a word, not even TLS's."""
    control._error = True  # noqa: SLF001 - or pyftpdlib shuts TLS down politely
    control.close()


class _Full:
    """A file on a disk that takes nothing more."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened

    def write(self, _: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)
