"""Sign-up, sign-in and tokens over HTTP, on a real database and broker."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deploy.local.broker import Broker
from services.identity.app import create_app
from services.identity.settings import IdentitySettings
from tests.conftest import DatabaseFactory
from tests.services import kafka_settings, master_key, served

FIRM = {
    "kind": "firm",
    "email": "odile@cabinet.example",
    "password": "une longue phrase de passe",
    "first_name": "Odile",
    "last_name": "Martin",
    "company": {
        "name": "Cabinet Martin",
        "legal_form": "SARL",
        "registration_number": "732829320",
        "vat_number": "FR44732829320",
        "address": {
            "line1": "1 rue de la Paix",
            "postcode": "75002",
            "city": "Paris",
            "country": "FR",
        },
    },
}


@pytest.fixture
async def identity(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    database = await new_database("identity")
    settings = IdentitySettings(
        database_url=database.runtime_dsn, master_key_file=master_key(tmp_path)
    )
    async with served(create_app(settings, kafka_settings(kafka_broker))) as client:
        yield client


async def signed_in(client: httpx.AsyncClient) -> str:
    created = await client.post("/v1/registrations", json=FIRM)
    assert created.status_code == 201, created.text
    session = await client.post(
        "/v1/sessions", json={"email": FIRM["email"], "password": FIRM["password"]}
    )
    assert session.status_code == 201, session.text
    return str(session.json()["session"])


async def test_who_registers_a_company_is_its_first_owner(identity: httpx.AsyncClient) -> None:
    secret = await signed_in(identity)
    companies = await identity.get(
        "/v1/sessions/current/companies", headers={"Authorization": f"Session {secret}"}
    )
    assert [(c["name"], c["role"]) for c in companies.json()] == [("Cabinet Martin", "owner")]


async def test_a_token_opens_what_its_owner_may_see(identity: httpx.AsyncClient) -> None:
    secret = await signed_in(identity)
    token = await identity.post(
        "/v1/sessions/current/token", json={}, headers={"Authorization": f"Session {secret}"}
    )
    bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
    assert (await identity.get("/v1/companies", headers=bearer)).json() == []
    assert (await identity.get("/v1/companies")).status_code == 401


async def test_a_session_that_was_signed_out_gives_no_token_and_its_token_is_refused(
    identity: httpx.AsyncClient,
) -> None:
    secret = {"Authorization": f"Session {await signed_in(identity)}"}
    token = await identity.post("/v1/sessions/current/token", json={}, headers=secret)
    bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
    assert (await identity.delete("/v1/sessions/current", headers=secret)).status_code == 204
    refused = await identity.post("/v1/sessions/current/token", json={}, headers=secret)
    assert refused.status_code == 401
    assert (await identity.get("/v1/companies", headers=bearer)).status_code == 401


async def test_an_unknown_email_and_a_wrong_password_get_the_same_answer(
    identity: httpx.AsyncClient,
) -> None:
    await signed_in(identity)
    wrong = {"email": FIRM["email"], "password": "not this one at all"}
    unknown = {"email": "nobody@cabinet.example", "password": "not this one at all"}
    answers = [await identity.post("/v1/sessions", json=body) for body in (wrong, unknown)]
    bodies = [{k: v for k, v in a.json().items() if k != "trace_id"} for a in answers]
    assert [a.status_code for a in answers] == [401, 401]
    assert bodies[0] == bodies[1]


async def test_wrong_check_digits_are_refused_field_by_field(identity: httpx.AsyncClient) -> None:
    company = {**FIRM["company"], "registration_number": "732829321", "vat_number": "FR44732829321"}  # type: ignore[dict-item]
    refused = await identity.post("/v1/registrations", json={**FIRM, "company": company})
    assert refused.status_code == 422
    assert {e["field"] for e in refused.json()["errors"]} == {"registration_number", "vat_number"}
