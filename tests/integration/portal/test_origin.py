"""From where somebody asked is known behind the portal too: their network, never the portal's own."""

from shared.database import connect
from tests.flow.test_people_access import make_support, owner_of
from tests.integration.portal.conftest import pages_of
from tests.platform import Platform

NETWORK = "203.0.113.0/24"


async def test_support_at_work_is_recorded_from_its_own_network(running: Platform) -> None:
    biller, colleague = await running.biller(), await running.firm()
    owner = await owner_of(running, biller)
    await make_support(running, colleague.email)
    opened = {"support_access": True, "require_two_factor": False}
    path = f"/v1/companies/{biller.company_id}/privacy"
    assert (await owner.at("identity").put(path, json=opened)).status_code == 200
    support = await pages_of(running, colleague)
    support.client.headers["X-Forwarded-For"] = "203.0.113.9"
    entered = await support.post("/support/enter", company_id=str(biller.company_id))
    assert entered.status_code == 303, entered.text
    db = await connect(running.databases["identity"].runtime_dsn, max_size=1)
    records = await db.pool.fetch(
        "SELECT convert_from(payload, 'UTF8')::jsonb->>'action' AS action, headers->>'ce_origin' AS origin "
        "FROM outbox WHERE topic = 'action.recorded' ORDER BY position"
    )
    await db.close()
    found = {r["action"]: r["origin"] for r in records if r["action"].startswith("support")}
    assert found == {"support_entered": NETWORK, "support_active": NETWORK}
