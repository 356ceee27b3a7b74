"""Tokens that are stale, forged or meant for somebody else are refused by every service alike."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.identity.commands.keys import signing_key
from shared.access import tokens
from shared.access.keys import KEPT_SECONDS
from shared.clock import system_clock
from tests.adversarial.conftest import World
from tests.services import eventually

ROUTES = {
    "identity": "/v1/me",
    "billing": "/v1/customers",
    "delivery": "/v1/deliveries",
    "portal": "/api/v1/companies/{company}/audit",
}
"""What an owner may read, in each service."""


def encoded(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, payload, _ = token.split(".")
    read = [json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in (head, payload)]
    return read[0], read[1]


async def real_key(world: World) -> tuple[OKPKey, str]:
    """The key that identity signs with: what an attacker would need, used to sign the wrong thing."""
    app = world.apps["identity"]
    async with world.cast.app.databases["identity"].system_transaction() as conn:
        found = await signing_key(conn, app.state.box, system_clock)
    return found.key, str(found.key_id)


async def answers(world: World, token: str) -> dict[str, int]:
    company = world.person("owner").company_id
    return {
        service: (await world.api(service, "GET", path.format(company=company), f"Bearer {token}"))
        .status
        for service, path in ROUTES.items()
    }  # fmt: skip


async def refused_everywhere(world: World, token: str) -> None:
    assert await answers(world, token) == dict.fromkeys(ROUTES, 401)
    page = await world.page("GET", "/me", None, cookie=f"facteur_token={token}")
    assert page.status == 303
    assert page.header("location").startswith("/sign-in")


async def test_a_genuine_token_opens_all_of_them(world: World) -> None:
    assert await answers(world, world.person("owner").token) == dict.fromkeys(ROUTES, 200)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
async def test_no_algorithm_is_no_signature(world: World, algorithm: str) -> None:
    head, claims = decoded(world.person("owner").token)
    for signature in ("", encoded(b"x")):
        forged = f"{encoded({**head, 'alg': algorithm})}.{encoded(claims)}.{signature}"
        await refused_everywhere(world, forged)


async def test_the_public_key_is_no_shared_secret(world: World) -> None:
    """Key confusion: HMAC with what everybody may know."""
    head, claims = decoded(world.person("owner").token)
    async with world.cast.app.databases["billing"].system_transaction() as conn:
        public = await conn.fetchval("SELECT public_key FROM access.signing_keys LIMIT 1")
    x = json.loads(public)["x"]
    for secret in (public.encode(), x.encode(), base64.urlsafe_b64decode(x + "=")):
        signed = f"{encoded({**head, 'alg': 'HS256'})}.{encoded(claims)}"
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        await refused_everywhere(world, f"{signed}.{encoded(mac)}")


async def test_a_key_of_ones_own_signs_nothing(world: World) -> None:
    head, claims = decoded(world.person("owner").token)
    own = OKPKey.generate_key("Ed25519")
    public = own.as_dict(private=False)
    for extra in ({}, {"jwk": public}, {"jku": "https://evil.example/keys"}):
        header = {**head, **extra}
        signed = f"{encoded(header)}.{encoded(claims)}"
        private: Any = own.private_key
        await refused_everywhere(world, f"{signed}.{encoded(private.sign(signed.encode()))}")


UNKNOWN = "223d8467-9bd5-4432-9b19-591cc6f61add"


@pytest.mark.parametrize("kid", ["", "x", UNKNOWN, "../../etc/passwd", "' OR 1=1 --", None, 7])
async def test_an_unknown_key_id_is_refused(world: World, kid: object) -> None:
    key, _ = await real_key(world)
    _, claims = decoded(world.person("owner").token)
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": kid}
    private: Any = key.private_key
    signed = f"{encoded(header)}.{encoded(claims)}"
    await refused_everywhere(world, f"{signed}.{encoded(private.sign(signed.encode()))}")


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another-system"}, {"iss": "somebody-else"}, {"aud": None}, {"sub": "not an id"},
        {"exp": int((datetime.now(UTC) - timedelta(seconds=1)).timestamp())},
        {"exp": "tomorrow"}, {"exp": [1]}, {"exp": 10**400},
    ],
    ids=["aud", "iss", "no aud", "sub", "a second too old", "exp text", "exp list", "exp huge"],
)  # fmt: skip
async def test_signed_by_us_for_something_else_is_refused(
    world: World, change: dict[str, object]
) -> None:
    key, key_id = await real_key(world)
    _, claims = decoded(world.person("owner").token)
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": key_id}
    changed = {**claims, **change}
    await refused_everywhere(world, jwt.encode(header, changed, key, algorithms=["Ed25519"]))


async def test_another_kind_of_token_is_refused(world: World) -> None:
    key, key_id = await real_key(world)
    _, claims = decoded(world.person("owner").token)
    for typ in ("JWT", "id+jwt", ""):
        header = {"alg": "Ed25519", "typ": typ, "kid": key_id}
        await refused_everywhere(world, jwt.encode(header, claims, key, algorithms=["Ed25519"]))


@pytest.mark.parametrize("claim", ["cid", "mid", "sub"])
async def test_changed_claims_break_the_signature(world: World, claim: str) -> None:
    head, _, signature = world.person("outsider").token.split(".")
    _, claims = decoded(world.person("outsider").token)
    _, wanted = decoded(world.person("owner").token)
    forged = f"{head}.{encoded({**claims, claim: wanted[claim]})}.{signature}"
    await refused_everywhere(world, forged)


async def test_an_ended_session_ends_its_token(world: World) -> None:
    await refused_everywhere(world, world.person("signed out").token)


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "....", "🙂.🙂.🙂", "x" * 20_000, "e30.e30.e30", "\0.\0.\0"]
)
async def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    company = world.person("owner").company_id
    for service, path in ROUTES.items():
        raw = {"authorization": f"Bearer {token}".encode().decode("latin-1")}
        from tests.matrix.asgi import request

        answer = await request(world.apps[service], "GET", path.format(company=company), raw)
        assert answer.status == 401, (service, answer.body)


async def test_who_attacks_for_long_gets_another_token(world: World) -> None:
    """The cast's own: a suite lasts longer than a token."""
    key, key_id = await real_key(world)
    for name in ("owner", "key: read"):
        person = world.person(name)
        _, claims = decoded(person.token)
        header = {"alg": "Ed25519", "typ": "at+jwt", "kid": key_id}
        old = {**claims, "exp": int(time.time()) - 1}
        person.token = jwt.encode(header, old, key, algorithms=["Ed25519"])
        assert (await world.api("billing", "GET", "/v1/customers", person)).status == 401
    await world.cast.renew()
    for name in ("owner", "key: read"):
        answer = await world.api("billing", "GET", "/v1/customers", world.person(name))
        assert answer.status == 200


async def test_unknown_key_ids_cost_few_queries(world: World) -> None:
    """However many, and however different: the published keys are read a few times a second."""
    asked: list[str] = []

    def note(query: Any) -> None:
        asked.append(query.query)

    head, claims = decoded(world.person("owner").token)
    conn = world.cast.app.databases["billing"].conn
    conn.add_query_logger(note)
    begun = time.monotonic()
    try:
        answers = await asyncio.gather(*(
            world.api("billing", "GET", "/v1/customers", f"Bearer {token}")
            for token in (
                f"{encoded({**head, 'kid': str(uuid4())})}.{encoded(claims)}.{encoded(b'x')}"
                for _ in range(200)
            )
        ))  # fmt: skip
        took = time.monotonic() - begun
        genuine = await world.api("billing", "GET", "/v1/customers", world.person("owner"))
    finally:
        conn.remove_query_logger(note)
    assert {a.status for a in answers} == {401}
    assert genuine.status == 200
    reads = [query for query in asked if "signing_keys" in query]
    assert 1 <= len(reads) <= 10 * took + 5, len(reads)


async def test_an_unknown_key_id_is_waited_for_once(world: World) -> None:
    head, claims = decoded(world.person("owner").token)
    token = f"{encoded({**head, 'kid': str(uuid4())})}.{encoded(claims)}.{encoded(b'x')}"
    took = []
    for _ in range(3):
        begun = time.monotonic()
        assert (
            await world.api("delivery", "GET", "/v1/deliveries", f"Bearer {token}")
        ).status == 401
        took.append(time.monotonic() - begun)
    assert took[0] > 0.9
    assert max(took[1:]) < 0.9


async def test_a_key_that_is_new_opens_at_once_what_asked_for_it_too_early(world: World) -> None:
    """What was missed once is no longer refused when it is heard of."""
    key_id, key = uuid4(), OKPKey.generate_key("Ed25519")
    _, claims = decoded(world.person("owner").token)
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": str(key_id)}
    token = jwt.encode(header, claims, key, algorithms=["Ed25519"])
    bearer = f"Bearer {token}"
    assert (await world.api("billing", "GET", "/v1/customers", bearer)).status == 401
    async with world.cast.app.databases["billing"].system_transaction() as conn:
        await conn.execute(
            "INSERT INTO access.signing_keys (key_id, public_key, expires_at, version) "
            "VALUES ($1, $2, now() + interval '1 day', 1)",
            key_id, json.dumps(key.as_dict(private=False)),
        )  # fmt: skip
    assert (await world.api("billing", "GET", "/v1/customers", bearer)).status == 200


async def test_a_key_that_ended_early_opens_nothing(world: World) -> None:
    """One that leaked: what it signed is refused as soon as the keys are read again."""
    owner = world.person("owner")
    assert (await world.api("billing", "GET", "/v1/customers", owner)).status == 200
    async with world.cast.app.databases["billing"].system_transaction() as conn:
        await conn.execute(
            "UPDATE access.signing_keys SET expires_at = now() - interval '1 second'"
        )

    async def refused() -> bool:
        return (await world.api("billing", "GET", "/v1/customers", owner)).status == 401

    await eventually(refused, 2 * KEPT_SECONDS)


async def test_tokens_live_ten_minutes(world: World) -> None:
    _, claims = decoded(world.person("owner").token)
    assert claims["exp"] - claims["iat"] <= tokens.LIFETIME.total_seconds() == 600
