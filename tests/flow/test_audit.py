"""The audit: what people do in any service is in one chain, shown, exported, and tamper-evident."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.broker import Broker
from services.portal.audit import verify_chain
from shared.database import connect
from tests.conftest import DatabaseFactory
from tests.platform import Platform, platform
from tests.services import eventually


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def test_actions_are_shown_exported_and_a_changed_row_is_named(running: Platform) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    await running.user(firm, company)
    await running.subscribe(company, "invoicing")
    await running.switch_on(firm, company, "Gérant")
    path = f"/api/v1/companies/{company}/audit"

    async def recorded() -> list[dict[str, str]] | None:
        lines: list[dict[str, str]] = (await firm.at("portal").get(path)).json()
        return lines if any(line["action"] == "billing.enabled" for line in lines) else None

    lines = await eventually(recorded)
    enabled = next(line for line in lines if line["action"] == "billing.enabled")
    assert enabled["actor_name"] == "Odile Martin"
    assert len(enabled["trace_id"]) == 32
    csv = (await firm.at("portal").get(path, params={"format": "csv"})).text
    assert len(csv.strip().splitlines()) == len(lines) + 1
    xlsx = (await firm.at("portal").get(path, params={"format": "xlsx"})).content
    sheet = zipfile.ZipFile(io.BytesIO(xlsx)).read("xl/worksheets/sheet1.xml")
    assert sheet.count(b"<row ") == len(lines) + 1

    db = await connect(running.databases["portal"].runtime_dsn, max_size=1)
    assert await verify_chain(db) == []
    owner = await asyncpg.connect(running.databases["portal"].owner_dsn)
    await owner.execute("UPDATE audit SET actor = 'user:nobody' WHERE position = 3")
    await owner.close()
    assert [b.position for b in await verify_chain(db)] == [3]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.pool.execute("DELETE FROM audit")
    await db.close()


async def test_another_company_s_audit_is_not_found(running: Platform) -> None:
    firm, stranger = await running.firm(), await running.firm()
    company = await running.company(firm)
    path = f"/api/v1/companies/{company}/audit"

    async def known() -> bool:
        return (await firm.at("portal").get(path)).status_code == 200

    await eventually(known)
    assert (await stranger.at("portal").get(path)).status_code == 404
