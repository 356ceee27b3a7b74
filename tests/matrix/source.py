"""docs/access-matrix.toml, read: people, policies, and a policy for each route."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from deploy.local.paths import CHECKOUT

SOURCE = CHECKOUT / "docs" / "access-matrix.toml"
DOCUMENT = CHECKOUT / "docs" / "access-matrix.md"
SERVICES = ("identity", "billing", "delivery", "portal")
ALLOWED = "yes"


class WrongSource(ValueError):
    """docs/access-matrix.toml doesn't say what it must; the text says where."""


@dataclass(frozen=True)
class Policy:
    """Who gets through and how everybody else is answered."""

    name: str
    says: str
    answers: dict[str, str]
    """By person: `yes`, a status, or `sign-in` (sent to the sign-in page)."""


@dataclass(frozen=True)
class Route:
    """One route of one service, and a request that its policy can be seen by."""

    service: str
    name: str
    policy: Policy
    answer: int
    """The status for whoever gets through."""
    query: str = ""
    body: str = ""
    """JSON for an API, `name=value&…` for a page, with $names of things that exist."""
    content_type: str = ""
    given: dict[str, str] = field(default_factory=dict)
    """Other things than those of the path's own names: {user_id = "former_user"}."""
    refusals_recorded: bool = False
    """A refusal is itself written into the audit: support staff before a closed door."""
    by: str = "token"
    """What the request carries: a token, a session or a key; for pages cookies."""

    @property
    def method(self) -> str:
        return self.name.split(" ", 1)[0]

    def answer_to(self, person: str) -> str:
        """`yes`, a status, or `sign-in`; "404, 403" is the first for looking, the second for changing."""
        looks, _, changes = self.policy.answers[person].partition(", ")
        return looks if self.method == "GET" else changes or looks

    @property
    def path(self) -> str:
        return self.name.split(" ", 1)[1]


@dataclass(frozen=True)
class Source:
    people: dict[str, str]
    policies: dict[str, Policy]
    routes: list[Route]


@cache
def source() -> Source:
    """The declared matrix; WrongSource when it isn't whole."""
    data = tomllib.loads(SOURCE.read_text("utf-8"))
    people: dict[str, str] = data["people"]
    policies = {name: _policy(name, body, people) for name, body in data["policy"].items()}
    routes = []
    for service in SERVICES:
        for name, body in data[service].items():
            given: dict[str, Any] = {"policy": body} if isinstance(body, str) else dict(body)
            if (policy := policies.get(given.pop("policy"))) is None:
                raise WrongSource(f"{service} {name}: no such policy")
            answer = given.pop("answer", 200)
            routes.append(Route(service, name, policy, answer, **given))
    return Source(people, policies, routes)


def _policy(name: str, body: dict[str, Any], people: dict[str, str]) -> Policy:
    rest = str(body.get("rest", ""))
    answers: dict[str, str] = {}
    for answer, who in body.items():
        if answer in ("says", "rest"):
            continue
        for person in who:
            if person not in people or person in answers:
                raise WrongSource(f"policy {name}: {person} is unknown, or answered twice")
            answers[person] = answer
    missing = [p for p in people if p not in answers]
    if missing and not rest:
        raise WrongSource(f"policy {name} says nothing about {', '.join(missing)}")
    whole = {person: answers.get(person, rest) for person in people}
    return Policy(name, body["says"], whole)
