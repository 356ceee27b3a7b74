"""AS4 alone: messages a second and CPU a message, out and in, in one process on loopback.

`python -m tests.bench.bench_as4 [--messages 300] [--flight 8]` prints a table. Out: built, sent to
the local access point (a process of its own) and its receipt verified. In: opened and answered by
our receiver behind HTTP, sent by a client that only posts prepared bytes.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
from cryptography.hazmat.backends.openssl import backend

from deploy.local.pki import Pki
from services.delivery.domain.outcome import Delivered
from services.delivery.peppol import as4_message, as4_out
from services.delivery.peppol.as4_in import Receiver
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.participant import ParticipantIdentifier
from tests.conformance.our_access_point import OurAccessPoint
from tests.unit.delivery.peppol.network import BUYER, OURS, THEIRS, identity, invoice, settings
from tests.unit.delivery.peppol.test_peppol_as4_in import ENVELOPE

Work = Callable[[Prepared], Awaitable[None]]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def peer(pki: Pki, folder: Path) -> Iterator[str]:
    """The local access point as a process; its address."""
    pki.access_point(THEIRS)
    authorities = [f"--authority={pki.folder / name}.pem" for name in ("root-ca", "ap-ca")]
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.local.peers.access_point", f"--dir={folder}",
         f"--certificate={pki.folder / THEIRS}.pem", f"--key={pki.folder / THEIRS}.key", *authorities],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['http']}/as4"
    finally:
        process.terminate()
        process.wait()


async def in_flight(items: list[Prepared], flight: int, work: Work) -> tuple[float, float]:
    """Seconds on the clock and of this process's CPU for all, so many at a time."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    wall, used = time.perf_counter(), cpu()
    await asyncio.gather(*(worker() for _ in range(flight)))
    return time.perf_counter() - wall, cpu() - used


def stand(size: int, count: int) -> tuple[Path, Pki, list[bytes]]:
    folder = Path(tempfile.mkdtemp())
    return folder, Pki.at(folder / "pki"), [invoice(f"B-{i}", size=size) for i in range(count)]


async def out(size: int, count: int, flight: int) -> tuple[float, float]:
    folder, pki, documents = stand(size, count)
    ours, theirs = settings(pki), identity(pki, THEIRS)
    with peer(pki, folder / "received") as url:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            queue = iter(documents)

            async def deliver(_: Prepared) -> None:
                prepared = as4_message.build(
                    ours.identity,
                    theirs.certificate,
                    url,
                    ENVELOPE,
                    next(queue),
                    message_id=str(uuid4()),
                )
                outcome = await as4_out.send(client, prepared, ours.ap_trust)
                assert isinstance(outcome, Delivered), outcome

            blank = as4_message.build(
                ours.identity, theirs.certificate, url, ENVELOPE, documents[0]
            )
            return await in_flight([blank] * count, flight, deliver)


async def into(size: int, count: int, flight: int) -> tuple[float, float]:
    folder, pki, documents = stand(size, count)
    ours, theirs = settings(pki), identity(pki, THEIRS)
    served = ParticipantIdentifier.parse(BUYER)
    access_point = OurAccessPoint(Receiver(ours.identity, ours.ap_trust, served.same_as))
    await access_point.start()
    certificate = pki.access_point(OURS).certificate
    prepared = [
        as4_message.build(theirs, certificate, access_point.url, ENVELOPE, d) for d in documents
    ]
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:

        async def post(message: Prepared) -> None:
            headers = {"Content-Type": message.content_type}
            response = await client.post(message.endpoint, content=message.body, headers=headers)
            assert b"NonRepudiationInformation" in response.content

        timed = await in_flight(prepared, flight, post)
    await access_point.stop()
    assert len(access_point.accepted) == count, folder
    return timed


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--flight", type=int, default=8)
    given = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"{backend.openssl_version_text()}, {given.flight} in flight")  # fmt: skip
    print(
        "| direction | document | messages/s | CPU ms a message (this process) |\n|---|---|---|---|"
    )
    for name, run in (("out", out), ("in, with the posting client", into)):
        for size, count in ((10_000, given.messages), (1_000_000, max(10, given.messages // 10))):
            wall, used = await run(size, count, given.flight)
            print(
                f"| {name} | {size // 1000} kB | {count / wall:.0f} | {1000 * used / count:.1f} |"
            )


if __name__ == "__main__":
    asyncio.run(main())
