"""One stage for each file of the matrix."""

from collections.abc import AsyncIterator

import pytest

from deploy.local import postgres
from tests.conftest import DatabaseFactory
from tests.matrix.people import Cast
from tests.matrix.stage import staged


@pytest.fixture(scope="module")
async def everybody(
    request: pytest.FixtureRequest,
    postgres_server: postgres.PostgresServer,
    migrated_template: DatabaseFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Cast]:
    folder = tmp_path_factory.mktemp("matrix")
    name = request.path.stem.removeprefix("test_")
    async with staged(postgres_server, migrated_template, name, folder) as found:
        yield found
