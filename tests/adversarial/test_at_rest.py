"""What opens something is in no table: whoever reads a copy of the database signs in nowhere with it."""

import json

from tests.adversarial.conftest import World
from tests.platform import PASSWORD


async def everything(world: World, service: str = "identity") -> str:
    """Every table of a service as text; bytes as they are, where they are text."""
    found = []
    async with world.cast.app.databases[service].system_transaction() as conn:
        tables = await conn.fetch(
            "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for table in tables:
            if await conn.fetchval("SELECT has_table_privilege($1, 'SELECT')", table["name"]):
                rows = await conn.fetch(f"SELECT * FROM {table['name']}")  # noqa: S608 — a catalogue's name
                found += [v for row in rows for v in row.values()]
    texts = (v.decode("utf-8", "replace") if isinstance(v, bytes) else "" for v in found)
    return "\n".join([*map(str, found), *texts])


async def test_what_opens_something_is_in_no_table(world: World) -> None:
    owner, key = world.person("owner"), world.person("key: read")
    by = {"email": "neuf@example.org", "first_name": "A", "last_name": "B", "role": "employee"}
    made = await world.api("identity", "POST", f"/v1/companies/{owner.company_id}/users", owner, by)
    invitation = json.loads(made.body)["invitation"]
    company = {"name": "Neuve"}
    asked = await world.api("identity", "POST", "/v1/registrations", "", {
        "company": company, "email": "dix@example.org", "first_name": "A", "last_name": "B",
    })  # fmt: skip
    registration = json.loads(asked.body)["secret"]
    begun = json.loads(
        (await world.api("identity", "POST", "/v1/me/totp", owner, {"password": PASSWORD})).body
    )
    kept = await everything(world)
    assert owner.email in kept
    for name, secret in {
        "a password": PASSWORD, "a session": owner.session, "a token": owner.token.split(".")[2],
        "an API key": key.key, "an invitation": invitation, "a sign-up": registration,
        "an authenticator": begun["secret"], "a signing key": '"d":',
    }.items():  # fmt: skip
        assert secret, name
        assert secret not in kept, name
