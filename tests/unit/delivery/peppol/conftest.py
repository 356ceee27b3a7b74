from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.pki import Pki
from tests.unit.delivery.peppol.network import Network


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.at(tmp_path_factory.mktemp("pki"))


@pytest.fixture
async def network(pki: Pki, tmp_path: Path) -> AsyncIterator[Network]:
    running = await Network.start(pki, tmp_path / "peer")
    yield running
    await running.stop()
