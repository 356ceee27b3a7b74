"""Nobody learns who has an account: neither from words nor from time."""

import json
import statistics
import time
from uuid import uuid4

from tests.adversarial.conftest import World


def said(body: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(body)
    found.pop("trace_id", None)
    return found


async def test_a_sign_in_says_the_same_for_unknown_people_and_wrong_passwords(world: World) -> None:
    known = {"email": world.person("owner").email, "password": "wrong password"}
    unknown = {"email": f"{uuid4().hex}@example.org", "password": "wrong password"}
    invited = {"email": "never-signed-in@example.org", "password": "wrong password"}
    answers = [await world.api("identity", "POST", "/v1/sessions", "", body)
               for body in (known, unknown, invited)]  # fmt: skip
    assert {a.status for a in answers} == {401}
    assert len({json.dumps(said(a.body), sort_keys=True) for a in answers}) == 1
    heads = [sorted(n for n, _ in a.headers) for a in answers]
    assert heads[0] == heads[1] == heads[2]


async def test_the_page_says_the_same_too(world: World) -> None:
    bodies = []
    for email in (world.person("owner").email, "x" * len(world.person("owner").email.split("@")[0])
                  + "@example.org"):  # fmt: skip
        answer = await world.page("POST", "/sign-in", None, {"email": email, "password": "wrong"})
        trace = answer.header("x-trace-id").encode()
        bodies.append(answer.body.replace(email.encode(), b"EMAIL").replace(trace, b"TRACE"))
        assert answer.status == 401
    assert bodies[0] == bodies[1]


async def test_a_sign_in_takes_as_long_for_unknown_people(world: World) -> None:
    """Pairs, one right after the other and in turns, so that a busy machine slows both alike."""

    async def taken(email: str) -> float:
        began = time.perf_counter()
        await world.api("identity", "POST", "/v1/sessions", "",
                        {"email": email, "password": "wrong password"})  # fmt: skip
        return time.perf_counter() - began

    owner = world.person("owner").email
    await taken(owner)
    ratios = []
    for turn in range(16):
        pair = [(owner, "known"), (f"{uuid4().hex}@example.org", "unknown")]
        times = {who: await taken(email) for email, who in (pair if turn % 2 else pair[::-1])}
        ratios.append(times["unknown"] / times["known"])
    assert 0.7 < statistics.median(ratios) < 1.4, ratios


async def test_an_invitation_that_never_was_says_the_same_as_one_that_is_over(world: World) -> None:
    body = {"password": "une longue phrase de passe"}
    used = world.things()["secret"]
    first = await world.api(
        "identity", "POST", "/v1/invitations/accept", "", {**body, "secret": used}
    )
    assert first.status == 204
    over = await world.api(
        "identity", "POST", "/v1/invitations/accept", "", {**body, "secret": used}
    )
    never = await world.api(
        "identity", "POST", "/v1/invitations/accept", "", {**body, "secret": "x" * 43}
    )
    assert (over.status, said(over.body)) == (never.status, said(never.body))


async def test_what_is_anothers_answers_like_what_there_isnt(world: World) -> None:
    outsider, things = world.person("outsider"), world.things()
    for service, path in (
        ("billing", "/v1/invoices/{}"), ("billing", "/v1/customers/{}"), ("billing", "/v1/drafts/{}"),
        ("delivery", "/v1/receptions/{}"), ("delivery", "/v1/purchases/{}/original"),
        ("identity", "/v1/companies/{}"),
    ):  # fmt: skip
        kind = {"invoices": "invoice_id", "customers": "customer_id", "drafts": "draft_id",
                "receptions": "customer_id", "purchases": "document_id",
                "companies": "company_id"}[path.split("/")[2]]  # fmt: skip
        anothers = await world.api(service, "GET", path.format(things[kind]), outsider)
        nothing = await world.api(service, "GET", path.format(uuid4()), outsider)
        assert anothers.status == nothing.status == 404, path
        assert said(anothers.body) == said(nothing.body)
