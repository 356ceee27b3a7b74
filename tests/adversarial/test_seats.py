"""Users over the plan (D13): bought by an owner, once, and then invited."""

import json
from uuid import UUID

from services.portal.commands.activation import set_subscription
from services.portal.store import subscriptions
from services.portal.store.portals import SubscriptionRow
from shared.events import Actor
from tests.adversarial.conftest import World
from tests.matrix.people import Person


async def subscribed(world: World, company: str) -> SubscriptionRow:
    async with world.cast.app.databases["portal"].system_transaction() as conn:
        found = await subscriptions.get(conn, UUID(company))
    assert found is not None
    return found


async def full(world: World, company: str) -> SubscriptionRow:
    """A plan of as many users as there are."""
    path = f"/v1/companies/{company}/seats"
    seats = json.loads((await world.api("identity", "GET", path, world.person("owner"))).body)
    actor = Actor(kind="system", id="operator")
    db = world.cast.app.databases["portal"]
    await set_subscription(db, UUID(company), "standard", ["invoicing"], seats["used"], actor)
    await world.cast.app.tell()
    return await subscribed(world, company)


async def invited(world: World, owner: Person, email: str) -> int:
    body = {"email": email, "first_name": "A", "last_name": "B", "role": "employee"}
    path = f"/v1/companies/{owner.company_id}/users"
    return (await world.api("identity", "POST", path, owner, body)).status


async def bought(world: World, person: Person, version: int) -> int:
    path = f"/companies/{person.company_id}/subscription"
    fields = world.form(person) | {"more": "1", "version": str(version)}
    return (await world.page("POST", path, person, fields)).status


async def test_users_that_are_bought_can_be_invited(world: World) -> None:
    owner = world.person("owner")
    row = await full(world, owner.company_id)
    assert await invited(world, owner, "un@example.org") == 402
    assert await bought(world, owner, row.version) == 303
    await world.cast.app.tell()
    assert await invited(world, owner, "un@example.org") == 201
    assert await invited(world, owner, "deux@example.org") == 402


async def test_the_same_order_twice_buys_once(world: World) -> None:
    """And an employee orders nothing."""
    owner = world.person("owner")
    row = await full(world, owner.company_id)
    assert await bought(world, world.person("employee"), row.version) == 403
    assert [await bought(world, owner, row.version) for _ in "ab"] == [303, 409]
    assert (await subscribed(world, owner.company_id)).seats == row.seats + 1
