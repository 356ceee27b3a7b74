"""Services for tests: the real application, served by a real uvicorn in this process."""

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from deploy.local.broker import Broker
from shared.settings import KafkaSettings


def kafka_settings(broker: Broker) -> KafkaSettings:
    """Settings for a broker of this machine."""
    return KafkaSettings(
        bootstrap=broker.bootstrap,
        idempotent=broker.kind == "kafka",
        session_timeout_ms=2000 if broker.kind == "tansu" else 6000,
        heartbeat_ms=300,
        fetch_max_wait_ms=20 if broker.kind == "tansu" else 500,
        partitions=2,
    )


def master_key(folder: Path) -> Path:
    """A master key file for one test."""
    path = folder / "master.key"
    if not path.exists():
        path.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    return path


@asynccontextmanager
async def served(app: FastAPI, *, until_ready: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `app` on an ephemeral port; yields a client for it once it says it is ready."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, lifespan="on", proxy_headers=False)
        )
        task = asyncio.create_task(server.serve(sockets=[listening]))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=address, timeout=10) as client:
            try:
                if until_ready:
                    await ready(client)
                yield client
            finally:
                server.should_exit = True
                await task


async def ready(client: httpx.AsyncClient, seconds: float = 120) -> None:
    """Wait until the service says it is ready; fails with its last word."""
    deadline = asyncio.get_running_loop().time() + seconds
    last = "no answer"
    while asyncio.get_running_loop().time() < deadline:
        try:
            answer = await client.get("/health/ready")
        except httpx.TransportError as error:
            last = repr(error)
        else:
            if answer.status_code == 200:
                return
            last = answer.text
        await asyncio.sleep(0.05)
    raise AssertionError(f"not ready after {seconds} s: {last}")


async def eventually(check, seconds: float = 45, step: float = 0.02):  # type: ignore[no-untyped-def]
    """Await `check()` until it returns something true; returns that."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await check()
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"never came true: {check}"
        await asyncio.sleep(step)
