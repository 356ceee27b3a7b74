"""A Peppol address belongs to one company here, and to the one whose number it is."""

import pytest

from services.identity.store import companies
from tests.integration.identity.conftest import LEGAL, Identity, Member, at_once

OWN = "0225:732829320"


async def claim(member: Member, peppol_id: str):  # type: ignore[no-untyped-def]
    path = f"/v1/companies/{member.company_id}/legal-information"
    return await member.call("PUT", path, json={**LEGAL, "peppol_id": peppol_id})


@pytest.mark.parametrize("peppol_id", ["0225:552081317", "0208:0403170701", "732829320"])
async def test_a_number_of_others_is_refused_by_the_field(
    identity: Identity, peppol_id: str
) -> None:
    refused = await claim(await identity.register(), peppol_id)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["peppol_id"]


async def test_the_second_company_with_an_address_is_refused(identity: Identity) -> None:
    """At the same moment too; whoever has it keeps it, and may give it up."""
    one, two = await identity.register(), await identity.register()
    own, upper = f"{OWN}_a", f"{OWN}_A"
    assert (await claim(one, own)).status_code == 200
    assert (await claim(one, own)).status_code == 200
    refused = await claim(two, upper)
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:facteur:problem:participant-taken",
    )
    assert (await claim(one, "")).status_code == 200
    answers = await at_once(
        identity,
        lambda conn: companies.hold_participant(conn, own),
        claim(one, own),
        claim(two, upper),
    )
    assert sorted(a.status_code for a in answers) == [200, 409]
