"""Render workers end with the service that started them, also when it is killed."""

import asyncio
import sys

import psutil

from tests.services import eventually

PARENT = """
import multiprocessing, os, signal
from concurrent.futures import ProcessPoolExecutor
from services.billing.renderer import _step_back

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _step_back)
    print(pool.submit(os.getpid).result(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_worker_does_not_outlive_a_killed_service() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    worker = int(await parent.stdout.readline())
    await parent.wait()

    async def gone() -> bool:
        try:
            return psutil.Process(worker).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    await eventually(gone)
