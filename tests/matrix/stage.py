"""The services of the matrix, with everybody who plays in it, on databases of their own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from deploy.local import postgres
from tests.matrix.people import Cast, cast
from tests.matrix.platform import in_process
from tests.matrix.source import SERVICES

Template = Callable[[str], Awaitable[postgres.ServiceDatabase]]


@asynccontextmanager
async def staged(
    server: postgres.PostgresServer, template: Template, name: str, folder: Any
) -> AsyncIterator[Cast]:
    """Everybody, ready to ask; `name` keeps one module's databases apart from another's."""
    made: dict[str, Any] = {}
    for service in SERVICES:
        migrated = await template(service)
        made[service] = await postgres.clone(server.cluster, migrated, f"{service}_{name}")
    app = await in_process(lambda service: str(made[service].runtime_dsn), folder)
    yield await cast(app)
    await app.close()
    for service in SERVICES:
        await postgres.drop(server.cluster, f"{service}_{name}")
