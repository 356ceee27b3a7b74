"""Invitations from before they were each a company's own: none is lost, none opens more than it did."""

from uuid import uuid4

import asyncpg

from deploy.local.postgres import ServiceDatabase
from shared.migrate import migrations_of, quoted, role_of


async def migrated(conn: "asyncpg.Connection[asyncpg.Record]", runtime: str, *, old: bool) -> None:
    """The migrations before, or from, the one that moves invitations."""
    for migration in migrations_of("identity"):
        number = migration.name.rpartition("/")[2][:4]
        is_new = migration.name.startswith("services.") and number >= "0006"
        if is_new != old:
            async with conn.transaction():
                await conn.execute(migration.sql.replace("{runtime}", quoted(runtime)))


async def test_an_invitation_goes_on_in_one_company_and_the_others_invite_again(
    bare_database: ServiceDatabase,
) -> None:
    conn = await asyncpg.connect(bare_database.owner_dsn)
    runtime = role_of(bare_database.runtime_dsn)
    await migrated(conn, runtime, old=True)
    await conn.execute("SELECT set_config('app.company_id', '*', false)")
    invited, forgetful, companies = uuid4(), uuid4(), sorted(uuid4() for _ in range(2))
    for user, email, password in ((invited, "a@example.org", None), (forgetful, "b@x.org", "x")):
        await conn.execute(
            "INSERT INTO app_user (user_id, email, first_name, last_name, language, password_hash, "
            "created_at) VALUES ($1, $2, 'A', 'B', 'fr', $3, now())",
            user, email, password,
        )  # fmt: skip
        await conn.execute(
            "INSERT INTO invitation VALUES ($1, sha256($2::text::bytea), now() + interval '1 day')",
            user, email,
        )  # fmt: skip
    for company in companies:
        await conn.execute(
            "INSERT INTO company (company_id, kind, legal, created_at, version) "
            "VALUES ($1, 'company', '{}', now(), 1)",
            company,
        )
        for user in (invited, forgetful):
            await conn.execute(
                "INSERT INTO membership VALUES ($1, $2, $3, 'employee', 'internal', NULL, '{}', '{}', "
                "true, 1)",
                uuid4(), company, user,
            )  # fmt: skip
    await conn.execute("SELECT set_config('app.company_id', '', false)")
    await migrated(conn, runtime, old=False)
    await conn.execute("SELECT set_config('app.company_id', '*', false)")
    moved = await conn.fetch(
        "SELECT user_id, secret_hash = sha256('a@example.org'::bytea) AS same, expires_at > now() AS open "
        "FROM member_invitation"
    )
    assert [row["user_id"] for row in moved] == [invited] * 2
    assert sorted((row["same"], row["open"]) for row in moved) == [(False, True), (True, True)]
    reset = await conn.fetch("SELECT user_id FROM password_reset")
    active = await conn.fetch("SELECT DISTINCT user_id FROM membership WHERE active")
    await conn.close()
    assert [row["user_id"] for row in reset] == [forgetful]
    assert [row["user_id"] for row in active] == [forgetful]
