"""An FTPS and an SFTP server on one folder: `python -m deploy.local.peers.filedrop --folder DIR`.

Each user has a folder of their own. The FTPS server takes TLS only and, as strict ones do, refuses
a data channel that doesn't resume the control channel's TLS session.
"""

import argparse
import asyncio
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.local.peers import ftps_server, pages, sftp_server


@dataclass
class Behaviour:
    """The switches of misbehaviour; all off, both servers are good ones."""

    delay_seconds: float = 0.0
    """Before the answer to a rename."""
    refuse: str = ""
    """ "login" or "write": what is refused."""
    full: bool = False
    """Nothing more fits on the disk."""
    cut: str = ""
    """The line is cut once the last byte is "written", or once the file is "renamed"."""
    times: int = -1
    """How many uploads `cut` holds for; -1 for ever."""
    fetches: bool = False
    """Whatever gets its final name is fetched at once: moved to the folder `fetched`, outside the users'."""
    other_host_key: bool = False
    """The SFTP server shows a key that nobody has seen before."""
    session_reuse: bool = True
    """The FTPS server insists on the resumption of the TLS session."""

    def renamed(self, path: Path, storage: Path) -> None:
        """A file has its final name."""
        if self.fetches:
            fetched = storage / "fetched"
            fetched.mkdir(exist_ok=True)
            path.rename(fetched / f"{len(list(fetched.iterdir()))}_{path.name}")

    def cuts(self, moment: str) -> bool:
        """Whether the line is to be cut at this moment; counts down."""
        if self.cut != moment or self.times == 0:
            return False
        self.times -= self.times > 0
        return True


@dataclass(frozen=True)
class StoredFile:
    """One file below the storage folder; `path` starts with the user's name."""

    path: str
    size: int
    sha256: str
    modified_at: str


@dataclass(frozen=True)
class Options:
    """How to run the servers; ports 0 mean any free one."""

    folder: Path
    certificate: Path
    key: Path
    users: Mapping[str, str] = field(default_factory=lambda: {"facteur": "facteur"})
    """User → password."""
    authorized_keys: Path | None = None
    """Public keys (OpenSSH) that every user may sign in with."""
    sftp_port: int = 0
    ftps_port: int = 0
    http_port: int = 0


class Filedrop(pages.Peer):
    """Both servers, running."""

    def __init__(self, options: Options) -> None:
        self.behaviour = Behaviour()
        self.options = options
        self.storage = options.folder / "storage"
        for user in options.users:
            (self.storage / user).mkdir(parents=True, exist_ok=True)
        app = pages.application(_routes(self.storage), self.behaviour, self.apply)
        super().__init__(app, options.http_port)

    async def start(self) -> "Filedrop":
        options = self.options
        self._sftp = await sftp_server.start(
            self.behaviour,
            self.storage,
            sftp_server.host_keys(options.folder),
            options.users,
            options.authorized_keys,
            pages.listener(options.sftp_port),
        )
        self._ftps = ftps_server.start(
            self.behaviour,
            self.storage,
            (options.certificate, options.key),
            options.users,
            pages.listener(options.ftps_port),
        )
        self._up = True
        self.ports |= {"sftp": self._sftp.port, "ftps": self._ftps.port}
        return self

    @property
    def host_key(self) -> str:
        """The SFTP server's public key, as a line for `known_hosts` without the host."""
        return (self.options.folder / "host_key.pub").read_text().strip()

    def apply(self) -> None:
        """Put a changed behaviour into effect where it isn't read anew at each step."""
        self._sftp.show_key(other=self.behaviour.other_host_key)

    def files(self) -> list[StoredFile]:
        return stored(self.storage)

    async def close_servers(self) -> None:
        """Be down: nobody listens any more, and open connections end."""
        if self._up:
            self._up = False
            await self._sftp.close()
            await asyncio.to_thread(self._ftps.close)

    async def close(self) -> None:
        await self.close_servers()
        await super().close()


def stored(folder: Path) -> list[StoredFile]:
    """Every file below the folder, partial ones included, by path."""
    return [
        StoredFile(
            path=str(path.relative_to(folder)),
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            modified_at=datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def _routes(folder: Path) -> list[Route]:
    async def index(_: Request) -> Response:
        return pages.page("files.html", files=stored(folder))

    async def listing(_: Request) -> Response:
        return JSONResponse([asdict(file) for file in stored(folder)])

    async def file(request: Request) -> Response:
        path = _below(folder, request.path_params["path"])
        if path is None:
            return PlainTextResponse("no such file\n", status_code=404)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return FileResponse(path, media_type="text/plain" if kind == "text/html" else kind)

    return [
        Route("/", index),
        Route("/files.json", listing),
        Route("/files/{path:path}", file),
    ]


def _below(folder: Path, name: str) -> Path | None:
    """The file of that name, unless it is none or lies elsewhere."""
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def main() -> None:
    """Run both servers until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--authorized-keys", type=Path)
    parser.add_argument("--sftp-port", type=int, default=0)
    parser.add_argument("--ftps-port", type=int, default=0)
    parser.add_argument("--http-port", type=int, default=0)
    given = parser.parse_args()

    async def start() -> pages.Peer:
        return await Filedrop(Options(**vars(given))).start()

    pages.run(start)


if __name__ == "__main__":
    main()
