"""docs/access-matrix.toml, read: people, policies, and a policy for each route."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from deploy.local.paths import CHECKOUT
from shared.access.rights import ALL_RIGHTS, MASS_DEPLOYMENT

SOURCE = CHECKOUT / "docs" / "access-matrix.toml"
DOCUMENT = CHECKOUT / "docs" / "access-matrix.md"
SERVICES = ("identity", "billing", "delivery", "portal")
ALLOWED = "yes"


class WrongSource(ValueError):
    """docs/access-matrix.toml doesn't say what it must; the text says where."""


Lacks = frozenset[str]
"""Which of the things that policies ask for somebody hasn't got."""

RELATIONS = frozenset({
    "owner", "firm", "support staff", "let in",
    "company", "own company", "administers", "own deployment",
})  # fmt: skip
"""What somebody is, and to the company that is asked about."""
OF_THE_THING = ("company", "own company", "administers", "own deployment")
"""Whoever lacks one of these isn't told that the thing exists: answered as the policy's `stranger`."""


@dataclass(frozen=True)
class Policy:
    """Who gets through and how everybody else is answered."""

    name: str
    says: str
    answers: dict[str, str]
    """By person: `yes`, a status, or `sign-in` (sent to the sign-in page); none: by the demands."""
    demands: tuple[str, ...] = ()
    """What it asks for, in this order."""
    stranger: str = ""
    """The answer to whoever asks for another company's things."""
    waives: tuple[str, ...] = ()
    """What all others ask for, and this doesn't."""
    generated: bool = False
    """It says what it demands, so that everybody there can be is tried."""

    @property
    def of_pages(self) -> bool:
        return self.name.startswith("page: ")

    def answer_to(self, lacks: Lacks, method: str) -> str:
        """By its demands: `yes`, a status, `sign-in` or `enrol`."""
        if "session" in lacks or (self.of_pages and "person" in lacks):
            return "sign-in" if self.of_pages else "401"
        if method != "GET" and "change" in lacks and "change" not in self.waives:
            return "403"
        if "enrolment" in lacks and "enrolment" not in self.waives:
            return "enrol" if self.of_pages else "403"
        for demand in self.demands:
            if demand in lacks:
                return self.stranger if demand in OF_THE_THING else "403"
        return ALLOWED


@dataclass(frozen=True)
class Route:
    """One route of one service, and a request that its policy can be seen by."""

    service: str
    name: str
    policy: Policy
    answer: int
    """The status for whoever gets through."""
    incomplete: int = 0
    """The same, while the company's legal information is incomplete; 0: no other."""
    unsubscribed: int = 0
    """The same, while the company hasn't bought invoicing."""
    moved: int = 0
    """The same, when the company isn't any more as it was in what is confirmed."""
    gone: int = 0
    """The same, when the firm doesn't administer it any more."""
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
        if not self.policy.answers:
            return self.policy.answer_to(people()[person].lacks, self.method)
        looks, _, changes = self.policy.answers[person].partition(", ")
        return looks if self.method == "GET" else changes or looks

    def answers(self) -> dict[str, str]:
        """To each of the named people."""
        return {name: self.answer_to(name) for name in people()}

    @property
    def path(self) -> str:
        return self.address.split(" ", 1)[1]

    @property
    def address(self) -> str:
        """Method and path, without what tells two requests of a route apart."""
        return self.name.partition(" #")[0]


@dataclass(frozen=True)
class Named:
    """A kind of person that has a column of its own."""

    says: str
    relations: frozenset[str]
    """What the person is, and to the company that is asked about."""
    rights: frozenset[str]
    misses: Lacks
    """What the person hasn't got besides: a session, facturation, an app."""

    @property
    def lacks(self) -> Lacks:
        rights = {f"right {right}" for right in ALL_RIGHTS if right not in self.rights}
        deploys = set() if MASS_DEPLOYMENT in self.rights else {"may deploy"}
        return frozenset((RELATIONS - self.relations) | rights | deploys | self.misses)


@dataclass(frozen=True)
class Source:
    people: dict[str, Named]
    policies: dict[str, Policy]
    routes: list[Route]


@cache
def people() -> dict[str, Named]:
    """The named ones."""
    data = tomllib.loads(SOURCE.read_text("utf-8"))["people"]
    return {name: _person(name, body) for name, body in data.items()}


def _person(name: str, body: dict[str, Any]) -> Named:
    """An owner's rights are those of a company's founder, unless others are named."""
    rights = frozenset(body.get("rights", set(ALL_RIGHTS) - {MASS_DEPLOYMENT}))
    relations = frozenset(body.get("is", ()))
    if unknown := (relations - RELATIONS) | (rights - set(ALL_RIGHTS)):
        raise WrongSource(f"people, {name}: {', '.join(unknown)}")
    return Named(body["says"], relations, rights, frozenset(body.get("lacks", ())))


@cache
def source() -> Source:
    """The declared matrix; WrongSource when it isn't whole."""
    data = tomllib.loads(SOURCE.read_text("utf-8"))
    known = people()
    policies = {name: _policy(name, body, known) for name, body in data["policy"].items()}
    routes = []
    for service in SERVICES:
        for name, body in data[service].items():
            given: dict[str, Any] = {"policy": body} if isinstance(body, str) else dict(body)
            if (policy := policies.get(given.pop("policy"))) is None:
                raise WrongSource(f"{service} {name}: no such policy")
            answer = given.pop("answer", 200)
            routes.append(Route(service, name, policy, answer, **given))
    return Source(known, policies, routes)


def _policy(name: str, body: dict[str, Any], people: dict[str, Named]) -> Policy:
    rules = {k: body.pop(k) for k in ("says", "demands", "stranger", "waives") if k in body}
    rest = str(body.pop("rest", ""))
    answers: dict[str, str] = {}
    for answer, who in body.items():
        for person in who:
            if person not in people or person in answers:
                raise WrongSource(f"policy {name}: {person} is unknown, or answered twice")
            answers[person] = answer
    missing = [p for p in people if p not in answers]
    if (answers or "demands" not in rules) and missing and not rest:
        raise WrongSource(f"policy {name} says nothing about {', '.join(missing)}")
    whole = {person: answers.get(person, rest) for person in people} if answers or rest else {}
    demands, waives = tuple(rules.get("demands", ())), tuple(rules.get("waives", ()))
    stranger = rules.get("stranger", "")
    if any(d in OF_THE_THING for d in demands) != bool(stranger):
        raise WrongSource(f"policy {name}: what is a stranger told, and of what?")
    return Policy(name, rules["says"], whole, demands, stranger, waives, "demands" in rules)
