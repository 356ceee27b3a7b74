"""The operator's page: services, dead letters and their requeue; for nobody else."""

from aiokafka import AIOKafkaProducer

from deploy.local.broker import Broker
from deploy.local.process import free_port
from services.portal.app import create_app
from services.portal.settings import PortalSettings
from shared.database import connect
from shared.topics import client_options
from tests.conftest import DatabaseFactory
from tests.integration.portal.firm import browser, new_firm, press, rows
from tests.services import eventually, kafka_settings, served


async def test_a_dead_letter_is_shown_with_its_reason_and_put_back(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm, other = await new_firm(db, 1, {}), await new_firm(db, 1, {})
    kafka = kafka_settings(kafka_broker)
    settings = PortalSettings(
        database_url=database.runtime_dsn, operator_company_id=firm.company_id,
        identity_url=f"http://127.0.0.1:{free_port()}",
    )  # fmt: skip
    async with (
        served(create_app(settings, kafka)) as client,
        browser(str(client.base_url), firm) as operator,
        browser(str(client.base_url), other) as stranger,
    ):
        assert (await stranger.get("/operations")).status_code == 404
        assert (
            await press(stranger, other, "/operations/dead-letters", service="portal")
        ).status_code == 404
        producer = AIOKafkaProducer(**client_options(kafka))
        await producer.start()
        mark = f"not an event of {firm.company_id}"
        await producer.send_and_wait("company.changed", value=mark.encode(), key=b"x")
        await producer.stop()

        async def ours() -> list[str] | None:
            page = (await operator.get("/operations")).text
            found = [r for r in rows(page) if "company.changed/" in r]
            return found or None

        letters = await eventually(ours, 60, 0.3)
        assert "ce_dataschema is missing" in letters[0]
        page = (await operator.get("/operations")).text
        assert "Not answering" in next(r for r in rows(page) if r.startswith("identity"))
        assert "Ready" in next(r for r in rows(page) if r.startswith("portal"))
        before = len(letters)
        done = await press(operator, firm, "/operations/dead-letters", service="portal")
        assert done.status_code == 303

        async def back_again() -> bool:
            return len(await ours() or []) > before  # refused anew, so it was tried

        await eventually(back_again, 60, 0.3)
    await db.close()
