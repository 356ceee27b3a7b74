"""Bodies that are too large, too slow, too deep or no text at all: refused, and never our failure."""

import asyncio
import json
from collections.abc import AsyncIterator
from string import Template
from typing import Any

import pytest

from tests.adversarial.conftest import World
from tests.adversarial.test_escalation import bodies
from tests.matrix.asgi import request
from tests.matrix.source import ALLOWED, Route

SERVICES = ("identity", "billing", "delivery", "portal")
WRITES = {"identity": "/v1/sessions", "billing": "/v1/drafts/ubl", "delivery": "/as4",
          "portal": "/sign-in"}  # fmt: skip


FORM = "application/x-www-form-urlencoded"


async def streamed(app: Any, path: str, chunks: AsyncIterator[bytes], token: str) -> int:
    """Send a body in pieces, without saying how long it will be; the status."""
    status = 0

    async def receive() -> dict[str, Any]:
        async for chunk in chunks:
            return {"type": "http.request", "body": chunk, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    kind = FORM if path == "/sign-in" else "application/xml"
    headers = {"authorization": f"Bearer {token}", "content-type": kind,
               "origin": "http://facteur.test", "host": "facteur.test"}  # fmt: skip
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
             "query_string": b"", "headers": [(n.encode(), v.encode()) for n, v in headers.items()],
             "client": ("203.0.113.9", 1), "server": ("facteur.test", 80), "scheme": "http",
             "http_version": "1.1", "root_path": "", "state": {}}  # fmt: skip
    await app(scope, receive, send)
    return status


@pytest.mark.parametrize("service", SERVICES)
async def test_a_body_over_the_limit_is_refused_before_it_is_read(
    world: World, service: str
) -> None:
    running = world.apps[service].state.service
    limit = running.body_limits.get(WRITES[service], running.settings.max_body_bytes)
    headers = {"content-length": str(limit + 1), "origin": "http://facteur.test"}
    answer = await request(world.apps[service], "POST", WRITES[service], headers)
    assert answer.status == 413


@pytest.mark.parametrize("service", ["identity", "billing", "portal"])
async def test_a_body_without_a_length_is_counted_while_it_comes(
    world: World, service: str
) -> None:
    limit, read = world.apps[service].state.service.settings.max_body_bytes, 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1_000_000
            yield b"x" * 1_000_000

    token = world.person("owner").token
    status = await streamed(world.apps[service], WRITES[service], endless(), token)
    # a form's field has a bound of its own
    assert status == (400 if service == "portal" else 413)
    assert read <= limit + 2_000_000


@pytest.mark.parametrize("service", ["identity", "billing", "portal"])
async def test_a_body_that_trickles_is_given_up(world: World, service: str) -> None:
    app = world.apps[service]
    edge = app.middleware_stack
    while type(edge).__name__ != "Edge":
        edge = edge.app
    patience, edge.body_seconds = edge.body_seconds, 0.2

    async def trickle() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.05)
            yield b" "

    try:
        token = world.person("owner").token
        status = await asyncio.wait_for(streamed(app, WRITES[service], trickle(), token), 10)
    finally:
        edge.body_seconds = patience
    assert status == 408


DEEP = 50_000
NASTY: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "a list": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"content":' * 5_000 + b"1" + b"}" * 5_000,
    "NaN": b'{"x": NaN}',
    "a huge number": b'{"version": 1' + b"0" * 5_000 + b"}",
    "a lone surrogate": b'{"name": "\\ud800"}',
}


@pytest.mark.parametrize("kind", NASTY)
async def test_no_body_is_our_failure(world: World, kind: str) -> None:
    for route in bodies():
        answer = await sent(world, route, NASTY[kind])
        assert 400 <= answer.status < 500, (route.name, answer.status, answer.body[:300])


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud83d\ude00" * 40, "x" * 100_000, "'; DROP TABLE company; --",
                                  "\u202e\u200b", "\uff11" * 6,
                                  "{{7*7}}", "<script>alert(1)</script>"],
                         ids=["NUL", "NUL within", "emoji", "long", "SQL", "bidi", "wide digits",
                              "template", "script"])  # fmt: skip
async def test_no_text_is_our_failure(world: World, text: str) -> None:
    """Each text of each body in turn."""
    for route in bodies():
        person = next(p for p, a in route.answers().items() if a == ALLOWED)
        whole = json.loads(Template(route.body).substitute(world.cast.things[person]))
        for changed in with_text(whole, text):
            try:
                body = json.dumps(changed).encode()
            except UnicodeEncodeError:
                continue
            answer = await sent(world, route, body)
            assert answer.status < 500, (route.name, changed, answer.status, answer.body[:300])


def with_text(value: Any, text: str) -> list[Any]:
    """Every copy of `value` that has `text` in the place of one of its texts."""
    if isinstance(value, str):
        return [text]
    if isinstance(value, dict):
        return [{**value, k: c} for k, v in value.items() for c in with_text(v, text)]
    if isinstance(value, list):
        return [[*value[:i], c, *value[i + 1 :]] for i, v in enumerate(value)
                for c in with_text(v, text)]  # fmt: skip
    return []


async def sent(world: World, route: Route, body: bytes) -> Any:
    """By somebody who may; undone afterwards."""
    name = next(p for p, a in route.answers().items() if a == ALLOWED)
    person, things = world.cast.people[name], world.cast.things[name]
    given = {n: things[t] for n, t in route.given.items()}
    path = Template(route.path.replace("{", "${")).substitute(things, **given)
    presented = {"token": person.bearer, "session": f"Session {person.session}",
                 "key": f"ApiKey {person.key}"}[route.by]  # fmt: skip
    databases = list(world.cast.app.databases.values())
    for database in databases:
        await database.undo()
        await database.begin()
    return await request(
        world.apps[route.service], route.method, path,
        {"authorization": presented, "content-type": "application/json"}, body,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["\0", "a\0b", "x" * 100_000, "\ufffd", "<script>alert(1)</script>"],
                         ids=["NUL", "NUL within", "long", "replacement", "script"])  # fmt: skip
async def test_no_field_of_a_form_is_our_failure(world: World, text: str) -> None:
    from tests.adversarial.test_forms import forms, who_may

    for route in forms():
        person = world.person(who_may(route))
        things = world.cast.things[who_may(route)]
        given = {n: things[t] for n, t in route.given.items()}
        path = Template(route.path.replace("{", "${")).substitute(things, **given)
        names = [p.split("=", 1)[0] for p in route.body.split("&") if p] + ["next"]
        fields = world.form(person) | dict.fromkeys(names, text)
        answer = await world.page("POST", path, person, fields)
        assert answer.status < 500, (route.name, answer.status)
        assert b"<script>alert" not in answer.body


async def test_a_form_of_ten_thousand_fields_is_refused(world: World) -> None:
    fields = {f"f{n}": "x" for n in range(10_000)}
    answer = await world.page("POST", "/sign-in", None, fields)
    assert answer.status in (400, 413, 422)
