"""Pages that are open: their streams end within two seconds when access does, whatever it was given by."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx

from tests.flow.test_issue_to_proof import customer, issue
from tests.flow.test_people_access import firm_of
from tests.platform import Person, Platform
from tests.services import eventually

WITHIN = 2.0
EMAIL_WAY = {"channel": "email", "settings": {"to": ["factures@comptoir.example"]}}


class Watched:
    """A stream that somebody has open."""

    def __init__(self, person: Person, path: str) -> None:
        self.lines: list[str] = []
        self.task = asyncio.create_task(self._watch(person, path))

    async def _watch(self, person: Person, path: str) -> None:
        cookies = {"facteur_session": person.session, "facteur_token": person.token}
        async with (
            httpx.AsyncClient(cookies=cookies, timeout=60) as client,
            client.stream("GET", person.urls["portal"] + path) as stream,
        ):
            assert stream.status_code == 200, path
            async for line in stream.aiter_lines():
                self.lines.append(line)

    async def began(self) -> bool:
        return bool(self.lines)


async def ends(act: Callable[[], Awaitable[httpx.Response]], gone: list[Watched]) -> None:
    """After `act` just these end."""
    assert not any(watched.task.done() for watched in gone)
    assert (await act()).is_success

    async def over() -> bool:
        return all(watched.task.done() for watched in gone)

    await eventually(over, WITHIN, 0.02)
    for watched in gone:
        await watched.task


@asynccontextmanager
async def opened(person: Person, *paths: str) -> AsyncIterator[list[Watched]]:
    """Open, each with its first line; none stays, whatever the test comes to."""
    found = [Watched(person, path) for path in paths]
    try:
        for watched in found:
            await eventually(watched.began)
        yield found
    finally:
        for watched in found:
            watched.task.cancel()
        await asyncio.gather(*(watched.task for watched in found), return_exceptions=True)


async def test_an_open_page_ends_with_the_app_and_with_facturation(running: Platform) -> None:
    biller = await running.biller()
    firm = await running.person((await firm_of(running, biller)).email)
    invoice = await issue(biller, await customer(biller, EMAIL_WAY))
    timeline = f"/invoices/{invoice['invoice_id']}/events"
    company = f"/v1/companies/{biller.company_id}"

    def apps(*on: str) -> Callable[[], Awaitable[httpx.Response]]:
        return lambda: firm.at("identity").put(f"{company}/apps", json={"apps": list(on)})

    async with opened(biller, timeline, "/dashboard/events") as (first, second):
        await ends(apps("statistics"), [first])
        assert not second.task.done()
        await ends(apps("invoices"), [second])
    assert (await apps("invoices", "statistics")()).status_code == 200
    await eventually(lambda: _reaches(biller, timeline, "/dashboard"), WITHIN, 0.05)
    async with opened(biller, timeline, "/dashboard/events") as both:
        await ends(lambda: _facturation_off(firm, str(biller.company_id)), both)


async def test_an_open_deployment_ends_with_the_right(running: Platform) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    email = await running.user(firm, firm.company_id)
    api, users = firm.at("identity"), f"/v1/companies/{firm.company_id}/users"
    member = next(u for u in (await api.get(users)).json() if u["email"] == email)
    user = f"{users}/{member['user_id']}"

    async def rights(*held: str) -> httpx.Response:
        return await api.patch(user, json={"rights": list(held)})

    assert (await rights("mass_deployment")).status_code == 200
    deployer = await running.person(email)
    order = {"company_ids": [str(company)], "enabled": False}

    async def proposed() -> str | None:
        made = await deployer.at("portal").post("/api/v1/deployments", json=order)
        return str(made.json()["deployment_id"]) if made.status_code == 201 else None

    made = await eventually(proposed)
    path = f"/companies/portal/deployments/{made}/events"
    async with opened(deployer, path, "/companies/overview/events") as (watched, overview):
        await ends(rights, [watched])
        assert not overview.task.done()  # is for all of a firm's people
        await ends(lambda: api.delete(user), [overview])


async def _reaches(person: Person, *paths: str) -> bool:
    cookies = {"facteur_session": person.session, "facteur_token": person.token}
    async with httpx.AsyncClient(base_url=person.urls["portal"], cookies=cookies) as client:
        pages = [path.removesuffix("/events") for path in paths]
        return {(await client.get(page)).status_code for page in pages} == {200}


async def _facturation_off(firm: Person, company: str) -> httpx.Response:
    path, change = (
        f"/api/v1/companies/{company}/portal/billing",
        {"enabled": False, "profile_ids": []},
    )
    seen = await firm.at("portal").post(f"{path}/preview", json=change)
    return await firm.at("portal").put(path, json={**change, "preview": seen.json()["preview"]})
