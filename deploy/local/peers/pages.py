"""What every peer shows over HTTP: its pages, its JSON, and the switches of its misbehaviour."""

import asyncio
import contextlib
import dataclasses
import json
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
)


def page(template: str, **values: object) -> HTMLResponse:
    """A page of the peer; nothing in it comes unescaped from what was received."""
    return HTMLResponse(_environment.get_template(template).render(**values))


def application(
    routes: Sequence[BaseRoute], behaviour: Any, changed: Callable[[], None] | None = None
) -> Starlette:
    """The peer's pages plus `/health` and `/behaviour` (GET, PUT of any of its fields as JSON)."""

    async def health(_: Request) -> Response:
        return Response("ready\n", media_type="text/plain")

    async def show(_: Request) -> Response:
        return JSONResponse(dataclasses.asdict(behaviour))

    async def change(request: Request) -> Response:
        wanted = await request.json()
        unknown = set(wanted) - {field.name for field in dataclasses.fields(behaviour)}
        if unknown:
            return JSONResponse({"unknown": sorted(unknown)}, status_code=422)
        for name, value in wanted.items():
            setattr(behaviour, name, value)
        if changed is not None:
            changed()
        return JSONResponse(dataclasses.asdict(behaviour))

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/behaviour", show),
            Route("/behaviour", change, methods=["PUT"]),
            *routes,
        ]
    )


def http_server(app: Starlette) -> uvicorn.Server:
    """A server without signal handlers of its own; run it with `serve_http`."""
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    return _QuietServer(config)


class _QuietServer(uvicorn.Server):
    """A server inside a larger process, which handles the signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listener(port: int) -> socket.socket:
    """A loopback socket on `port`, or on any free one for 0."""
    opened = socket.socket(
        proto=socket.IPPROTO_TCP
    )  # else asyncio leaves Nagle on: 40 ms an answer
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("127.0.0.1", port))
    opened.listen(128)
    return opened


def run(start: Callable[[], Awaitable["Peer"]]) -> None:
    """Start a peer, say its ports as one JSON line, and stop it on SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(_run(start))


async def _run(start: Callable[[], Awaitable["Peer"]]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    peer = await start()
    print(json.dumps(peer.ports), flush=True)
    await ended.wait()
    await peer.close()


class Peer:
    """A running peer: its ports by name, and the HTTP side that all share."""

    def __init__(self, app: Starlette, http_port: int) -> None:
        self._socket = listener(http_port)
        self._server = http_server(app)
        self._serving = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))
        self.ports: dict[str, int] = {"http": self._socket.getsockname()[1]}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    async def close(self) -> None:
        self._server.should_exit = True
        await self._serving
        self._socket.close()
