"""Users of a company: invitations by mail, seats, rights, what nobody may do to himself."""

import email
import email.policy
import re
from email.message import EmailMessage

from services.identity.store import privacy
from shared.database import connect
from tests.integration.identity.conftest import PASSWORD, Identity
from tests.services import eventually


async def test_an_invitation_comes_by_mail_and_works_once(identity: Identity) -> None:
    owner = await identity.register()
    invited = (await identity.invite(owner)).json()

    async def arrived() -> EmailMessage | None:
        for received in identity.mail.store.all():
            content = identity.mail.store.content(received.id)
            found = email.message_from_bytes(content, policy=email.policy.default)
            if isinstance(found, EmailMessage) and found["To"] == invited["email"]:
                return found
        return None

    message = await eventually(arrived)
    assert message["To"] == invited["email"]
    link = re.search(r"https?://\S+/invitation/(\S+)", message.get_content())
    assert link is not None
    body = {"secret": link.group(1), "password": PASSWORD}
    accept = [await identity.client.post("/v1/invitations/accept", json=body) for _ in range(2)]
    assert [a.status_code for a in accept] == [204, 410]
    assert (await identity.session(invited["email"])).status_code == 201


async def test_the_user_over_the_limit_is_refused_and_the_others_are_unharmed(
    identity: Identity,
) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    db = await connect(identity.database.runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        await privacy.set_seats(conn, owner.company_id, 2, 1)  # type: ignore[arg-type]
    await db.close()
    refused = await identity.invite(owner)
    assert (refused.status_code, refused.json()["type"]) == (
        402,
        "urn:facteur:problem:no-seat-left",
    )
    assert (await identity.session(employee.email)).status_code == 201


async def test_a_user_who_is_there_already_is_refused(identity: Identity) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    assert (await identity.invite(owner, employee.email)).status_code == 409


async def test_nobody_changes_or_removes_himself_here(identity: Identity) -> None:
    owner = await identity.register()
    path = f"/v1/companies/{owner.company_id}/users/{owner.user_id}"
    assert (await owner.call("PATCH", path, json={"role": "employee"})).status_code == 403
    assert (await owner.call("DELETE", path)).status_code == 403


async def test_the_last_owner_stays(identity: Identity) -> None:
    owner = await identity.register()
    second = await identity.employee(owner, "owner")
    path = f"/v1/companies/{owner.company_id}/users/{owner.user_id}"
    assert (await second.call("DELETE", path)).status_code == 204
    assert (await owner.call("GET", f"/v1/companies/{owner.company_id}")).status_code == 401


async def test_only_a_holder_of_user_management_grants_and_only_what_he_holds(
    identity: Identity,
) -> None:
    owner = await identity.register()
    employee, other = await identity.employee(owner), await identity.employee(owner)
    path = f"/v1/companies/{owner.company_id}/users/{other.user_id}"
    change = {"rights": ["document_management"]}
    assert (await employee.call("PATCH", path, json=change)).status_code == 403
    assert (await owner.call("PATCH", path, json=change)).status_code == 200
    too_much = {"rights": ["mass_deployment"]}
    assert (await owner.call("PATCH", path, json=too_much)).status_code == 403


async def test_another_company_s_users_can_t_be_seen_or_touched(identity: Identity) -> None:
    owner, stranger = await identity.register(), await identity.register()
    users = f"/v1/companies/{owner.company_id}/users"
    assert (await stranger.call("GET", users)).status_code == 404
    assert (await stranger.call("DELETE", f"{users}/{owner.user_id}")).status_code == 404
    put = await stranger.call(
        "PUT", f"/v1/companies/{owner.company_id}/legal-information", json={"name": "X"}
    )
    assert put.status_code == 404


async def test_unknown_fields_are_refused_by_name(identity: Identity) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    path = f"/v1/companies/{owner.company_id}/users/{employee.user_id}"
    refused = await owner.call("PATCH", path, json={"is_support": True})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "is_support"
