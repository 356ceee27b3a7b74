"""Several companies, one e-mail (D12): one chooses, switches, and never writes into another than one thinks."""

import json
import re

from tests.adversarial.conftest import World
from tests.matrix.people import Person


async def named(world: World, person: Person) -> list[str]:
    """The companies that a session can work in."""
    path = "/v1/sessions/current/companies"
    answer = await world.api("identity", "GET", path, f"Session {person.session}")
    assert answer.status == 200
    return sorted(company["name"] for company in json.loads(answer.body))


async def offered(world: World, person: Person) -> list[str]:
    """The companies that the chooser's page has buttons for."""
    page = (await world.page("GET", "/working-company", person)).body.decode()
    return sorted(re.findall(r'class="choice"[^>]*>\s*<strong>([^<]+)</strong>', page))


async def user_id(world: World, person: Person) -> str:
    return str(json.loads((await world.api("identity", "GET", "/v1/me", person)).body)["user_id"])


async def test_the_chooser_lists_exactly_ones_own(world: World) -> None:
    accountant, owner = world.person("accountant"), world.person("owner")
    both = ["Brasserie du Parc", "Fiduciaire"]
    assert await named(world, accountant) == await offered(world, accountant) == both
    user = await user_id(world, accountant)
    path = f"/v1/companies/{owner.company_id}/users/{user}"
    assert (await world.api("identity", "DELETE", path, owner)).status == 204
    assert await named(world, accountant) == ["Fiduciaire"]
    assert await named(world, owner) == ["Brasserie du Parc"]


async def test_with_several_companies_one_is_asked_which(world: World) -> None:
    """Whoever comes with a session alone, and whoever has just signed in; also where there is an offer."""
    from tests.platform import PASSWORD

    several, one = world.person("accountant"), world.person("owner")
    choice, work = [
        (await world.page("GET", "/", Person(session=person.session))).header("location")
        for person in (several, one)
    ]
    assert (choice, work) == ("/working-company", "/dashboard")

    async def led_to(person: Person) -> str:
        fields = {"email": person.email, "password": PASSWORD, "next": "/me"}
        return (await world.page("POST", "/sign-in", None, fields)).header("location")

    assert [await led_to(several), await led_to(one)] == ["/working-company?next=%2Fme", "/me"]
    body = {"email": one.email, "first_name": "A", "last_name": "B", "role": "employee"}
    path = "/v1/companies/{}/users".format(world.person("outsider").company_id)
    made = await world.api("identity", "POST", path, world.person("outsider"), body)
    assert made.status == 201
    assert await led_to(one) == "/working-company?next=%2Fme"


async def test_the_company_is_switched_without_signing_out(world: World) -> None:
    person = world.person("accountant")
    companies = json.loads((await world.api(
        "identity", "GET", "/v1/sessions/current/companies", f"Session {person.session}"
    )).body)  # fmt: skip
    other = next(c["company_id"] for c in companies if c["company_id"] != person.company_id)
    fields = world.form(person) | {"company_id": other, "next": "/me"}
    answer = await world.page("POST", "/working-company", person, fields)
    assert (answer.status, answer.header("location")) == (303, "/me")
    assert "facteur_session" not in answer.cookies()
    switched = Person(answer.cookies()["facteur_token"], person.session, other, person.email)
    assert (await world.page("GET", "/me", switched)).status == 200
    assert (await world.api("identity", "GET", f"/v1/companies/{other}", switched)).status == 200


async def test_a_tab_left_on_the_old_company_writes_nothing(world: World) -> None:
    person, theirs = world.person("owner"), world.person("outsider").company_id
    old = world.form(person) | {"_company": theirs}
    names = {"first_name": "Autre", "last_name": "Nom", "language": "fr"}
    before = await world.written()
    for path, fields in (
        ("/me", names),
        (f"/companies/{person.company_id}/legal-information", {"name": "Détournée"}),
        ("/customers/new", {"name": "Au mauvais endroit"}),
    ):
        answer = await world.page("POST", path, person, old | fields)
        assert answer.status == 409, path
    assert await world.written() == before


async def test_a_new_name_is_known_in_every_company(world: World) -> None:
    """D3: changed once, in the personal settings; others see it wherever one works."""
    person = world.person("accountant")
    fields = {"first_name": "Odette", "last_name": "Nouvelle", "language": "nl"}
    answer = await world.page("POST", "/me", person, world.form(person) | fields)
    assert answer.status == 303
    await world.cast.app.tell()
    user = await user_id(world, person)
    for service in ("portal", "billing", "delivery"):
        async with world.cast.app.databases[service].system_transaction() as conn:
            rows = await conn.fetch(
                "SELECT first_name, last_name, language FROM access.memberships WHERE user_id = $1",
                user,
            )
        assert [tuple(row) for row in rows] == [("Odette", "Nouvelle", "nl")] * 2, service
