"""The list of deliveries, and what a person decides, over HTTP and on the pages."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.broker import Broker
from deploy.local.peers.mailbox import Mailbox, Options
from tests.conftest import DatabaseFactory
from tests.flow.test_issue_to_proof import customer, issue
from tests.flow.test_signals import HOST_KEY
from tests.integration.portal.conftest import pages_of
from tests.platform import Person, Platform, platform
from tests.services import eventually

EMAIL = {"channel": "email", "settings": {"to": ["achats@comptoir.example"]}}
FILES = {
    "channel": "sftp",
    "settings": {"host": "files.example", "user": "facteur", "host_key": HOST_KEY},
    "password": "facteur",
}
"""Due at once, and so until a worker takes it: it carries no PDF."""
DELIVERIES = re.compile(r'<td class="main"><a href="/invoices/([0-9a-f-]{36})"')


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def planned(person: Person, count: int) -> list[dict[str, Any]]:
    """So many deliveries, newest first."""

    async def all_of_them() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = (await person.at("delivery").get("/v1/deliveries")).json()
        return found if len(found) == count else None

    made: list[dict[str, Any]] = await eventually(all_of_them)
    return made


async def in_state(person: Person, state: str) -> list[dict[str, Any]]:
    """The deliveries in this state, once there are any."""

    async def some() -> list[dict[str, Any]]:
        answer = await person.at("delivery").get(f"/v1/deliveries?state={state}")
        found: list[dict[str, Any]] = answer.json()
        return found

    found: list[dict[str, Any]] = await eventually(some)
    return found


async def test_deliveries_are_listed_a_page_at_a_time(running: Platform) -> None:
    biller = await running.biller()
    client = await customer(biller, FILES)
    for _ in range(5):
        await issue(biller, client)
    everything = await planned(biller, 5)
    api, found = biller.at("delivery"), []
    path: str | None = "/v1/deliveries?state=due&limit=2"
    sizes = []
    while path:
        answer = await api.get(path)
        assert answer.status_code == 200, answer.text
        sizes.append(len(answer.json()))
        found += answer.json()
        path = answer.links.get("next", {}).get("url")
    assert sizes == [2, 2, 1]
    assert [d["delivery_id"] for d in found] == [d["delivery_id"] for d in everything]
    last = everything[-1]["delivery_id"]
    assert (await api.get(f"/v1/deliveries?after={last}")).json() == []


REFUSED = {
    "state=sent": 422, "state=": 422, "limit=0": 422, "limit=201": 422, "after=yesterday": 422,
    f"after={uuid4()}": 404,
}  # fmt: skip


async def test_a_list_that_is_asked_for_wrongly_is_refused(running: Platform) -> None:
    api = (await running.biller()).at("delivery")
    for query, status in REFUSED.items():
        answer = await api.get(f"/v1/deliveries?{query}")
        assert answer.status_code == status, (query, answer.text)
        if status == 422:
            assert [e["field"] for e in answer.json()["errors"]] == [query.partition("=")[0]]


async def test_the_page_of_deliveries_leads_to_the_older_ones(running: Platform) -> None:
    biller = await running.biller()
    client = await customer(biller, *[EMAIL] * 8)
    invoices = [(await issue(biller, client))["invoice_id"] for _ in range(7)]
    await planned(biller, 56)
    pages = await pages_of(running, biller)
    first = (await pages.get("/deliveries")).text
    assert len(DELIVERIES.findall(first)) == 50
    assert "First page" not in first
    following = re.search(r'href="(/deliveries\?[^"]+)">Next page', first)
    assert following
    second = (await pages.get(following.group(1).replace("&amp;", "&"))).text
    assert len(DELIVERIES.findall(second)) == 6
    assert "First page" in second
    assert "Next page" not in second
    assert {*DELIVERIES.findall(first), *DELIVERIES.findall(second)} == set(invoices)
    chosen = (await pages.get("/deliveries?state=delivered")).text
    assert DELIVERIES.findall(chosen) == []


@pytest.mark.parametrize("way", ["api", "page"])
async def test_a_person_marks_as_delivered_what_nobody_else_can_tell(
    running: Platform, tmp_path: Path, way: str
) -> None:
    mail = await Mailbox(Options(tmp_path / "mail")).start()
    mail.behaviour.cut, mail.behaviour.times = "lost", 1
    smtp = {"host": "localhost", "port": mail.ports["smtp"], "sender": "f@facteur.example",
            "tls": "plain", "timeout_seconds": 5}  # fmt: skip
    biller = await running.biller()
    try:
        async with running.worker("email", smtp=smtp):
            invoice = await issue(biller, await customer(biller, EMAIL))
            (undecided,) = await in_state(biller, "undecided")
    finally:
        await mail.close()
    pages = await pages_of(running, biller)
    page, path = f"/invoices/{invoice['invoice_id']}", f"/deliveries/{undecided['delivery_id']}"

    async def offered() -> bool:
        return f'action="{path}/confirm"' in (await pages.get(page)).text

    await eventually(offered)
    reason = "the buyer rang & thanked"
    if way == "api":
        api = biller.at("delivery")
        empty = await api.post(f"/v1{path}/confirm", json={"reason": " "})
        assert empty.status_code == 422
        done = await api.post(f"/v1{path}/confirm", json={"reason": reason})
        assert done.status_code == 200, done.text
        assert done.json() == {"delivery_id": undecided["delivery_id"], "state": "delivered",
                               "invoice_id": invoice["invoice_id"]}  # fmt: skip
    else:
        done = await pages.post(f"{path}/confirm", reason=reason)
        assert done.status_code == 303, done.text
        assert done.headers["location"] == f"{page}?done=confirmed"
    (delivery,) = await in_state(biller, "delivered")
    last = delivery["attempts"][-1]
    assert (last["kind"], last["outcome"]) == ("decision", "delivered")
    assert last["proof"]["reason"] == reason
    again = await biller.at("delivery").post(f"/v1{path}/confirm", json={"reason": reason})
    assert again.status_code == 409

    async def shown() -> bool:
        text = (await pages.get(page)).text
        return f'action="{path}/confirm"' not in text and "the buyer rang &amp; thanked" in text

    await eventually(shown)
