"""One cell of the matrix: the request a person would send, and what came of it."""

from dataclasses import dataclass
from string import Template

from tests.matrix.asgi import Answer, request
from tests.matrix.people import Cast, Person
from tests.matrix.platform import PAGES
from tests.matrix.source import ALLOWED, Route

REFUSALS = ("401", "403", "404", "sign-in", "enrol")


@dataclass(frozen=True)
class Cell:
    route: Route
    person: str
    expected: str
    found: str
    answer: Answer
    published: int

    @property
    def right(self) -> bool:
        if self.expected == ALLOWED:
            return self.found == str(self.route.answer)
        return self.found == self.expected


async def tried(cast: Cast, route: Route, name: str, expected: str = "", who: str = "") -> Cell:
    """Send it; whatever it changed is undone. `expected` unless the table has a column for the person."""
    person, things = cast.people[name], cast.things[name]
    headers, body = _presented(route, person), Template(route.body).substitute(things)
    if route.body:
        headers["content-type"] = route.content_type or (
            "application/x-www-form-urlencoded" if is_page(route) else "application/json"
        )
    if is_page(route) and route.method == "POST":
        headers["origin"] = PAGES
        body = f"{person.form}&{body}"
        headers["content-type"] = "application/x-www-form-urlencoded"
    address = route.path.replace("{", "${") + route.query
    given = {name: things[thing] for name, thing in route.given.items()}
    target = Template(address).substitute(things, **given)
    databases = cast.app.databases.values()
    for database in databases:
        await database.begin()
    try:
        answer = await request(
            cast.app.apps[route.service], route.method, target, headers, body.encode()
        )
        published = sum([await database.published() for database in databases])
    finally:
        for database in databases:
            await database.undo()
    expected = expected or route.answer_to(name)
    return Cell(route, who or name, expected, _found(answer), answer, published)


def is_page(route: Route) -> bool:
    return route.service == "portal" and not route.path.startswith(("/api/", "/health", "/openapi"))


def _presented(route: Route, person: Person) -> dict[str, str]:
    if is_page(route):
        pairs = {"facteur_session": person.session, "facteur_token": person.token}
        cookies = "; ".join(f"{name}={value}" for name, value in pairs.items() if value)
        return {"cookie": cookies} if cookies else {}
    presented = {
        "token": person.token and f"Bearer {person.token}",
        "session": person.session and f"Session {person.session}",
        "key": person.key and f"ApiKey {person.key}",
    }[route.by]
    return {"authorization": presented} if presented else {}


def _found(answer: Answer) -> str:
    location = answer.header("location")
    if answer.status in (302, 303, 307):
        if location.startswith("/sign-in") and "done=" not in location:
            return "sign-in"
        if location.startswith("/me/security") and "done=" not in location:
            return "enrol"
    return str(answer.status)


def told(wrong: list[Cell]) -> str:
    """The cells that are wrong, by route, with what the service said to the first of them."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in wrong:
        expected = cell.expected if cell.expected != "yes" else f"yes ({cell.route.answer})"
        groups.setdefault((cell.route.name, cell.found, expected), []).append(cell)
    lines = []
    for (name, found, expected), cells in groups.items():
        body = cells[0].answer.body[:300].decode(errors="replace").replace("\n", " ")
        who = ", ".join(cell.person for cell in cells)
        lines.append(f"{name}: {found}, not {expected}, for {who}\n      {body}")
    return f"{len(wrong)} cells are wrong\n" + "\n".join(lines)
