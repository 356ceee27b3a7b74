"""Everybody there can be: role × profile × apps × rights × the company's state × who administers it,
for what a policy asks.

Roles are people of the cast with their own tokens. The rest reaches the services as it does in life:
as events of identity and the portal, applied by the projections' own handlers; nobody is made anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from services.identity.domain.access import external_rights
from shared.access.guard import EXTERNAL
from shared.access.rights import ALL_RIGHTS, MASS_DEPLOYMENT
from shared.contracts.identity import MembershipKind
from tests.matrix.source import Lacks, Named, Policy, people

ROLES: dict[str, MembershipKind] = {
    "owner": "internal", "employee": "internal", "accountant": "accountant",
    "support, let in": "support", "support, not let in": "internal",
    "key: read": "internal", "key: read, write": "internal", "outsider": "internal",
    "firm": "internal", "firm's employee": "internal", "firm's key": "internal",
    "accountant of the firm": "accountant", "support in the firm": "support",
    "other firm": "internal",
}  # fmt: skip
"""By name in the cast: what kind of member it is of the company or firm that it works in."""
PEOPLE_OF = {
    "firm": ("firm", "firm's employee", "firm's key"), "other firm": ("other firm",), "nobody": (),
}  # fmt: skip
"""Who administers the company while that firm does."""


@dataclass(frozen=True)
class Standing:
    """What differs from a company where everything is on, and a person who holds everything."""

    profile: str = "chosen"
    """The person's: chosen for facturation, another, or none."""
    apps_off: frozenset[str] = frozenset()
    off_for: str = "person"
    """Whom the apps are off for: the person, or the whole company."""
    missing: frozenset[str] = frozenset()
    """Rights that the person lacks."""
    state: str = "on"
    """Facturation on, off, on with legal information incomplete, no longer bought (unsubscribed), or a
    second factor due (strict)."""
    of: str = "all"
    """Whose state that is: every company's and firm's, or that of the company asked about alone."""
    administered_by: str = "firm"
    """The firm that does so in the cast, the other firm, or nobody."""

    def relations(self, role: str) -> frozenset[str]:
        """What somebody in that role is to the company asked about."""
        found = set(people()[role].relations)
        if "firm" in found:
            found -= {"company", "administers"}
            if role in PEOPLE_OF[self.administered_by]:
                found |= {"company", "administers"}
        elif self.administered_by == "nobody" and {"owner", "own company"} <= found:
            found.add("administers")
        return frozenset(found)

    def lacks(self, role: str) -> Lacks:
        """What somebody in that role hasn't got."""
        kind, relations = ROLES[role], self.relations(role)
        held = frozenset(external_rights(kind) if kind in EXTERNAL else ALL_RIGHTS) - self.missing
        by_nature = people()[role].misses & {"person", "change"}
        found = set(Named("", relations, held, by_nature).lacks)
        if {"own company", "administers"} <= relations:
            found.discard("may deploy")
        found |= {f"app {app}" for app in self.apps_off}
        state = self.state if self.of == "all" or "own company" in relations else "on"
        if state == "off" or (self.profile != "chosen" and kind not in EXTERNAL):
            found.add("facturation")
        if state == "strict":
            found.add("enrolment")
        return frozenset(found)

    @property
    def away(self) -> int:
        """How many things are missing."""
        return (
            len(self.apps_off) + len(self.missing) + (self.profile != "chosen")
            + (self.state in ("off", "strict")) + (self.administered_by != "firm")
        )  # fmt: skip

    @property
    def moved(self) -> bool:
        """Whether the company isn't as it was when things were made in it: a warning is stale."""
        return self.profile != "chosen" or self.state == "incomplete"

    def __str__(self) -> str:
        said = [f"profile {self.profile}", f"{self.of} {self.state}"]
        said += [f"administered by {self.administered_by}"]
        said += [f"without {app} ({self.off_for})" for app in sorted(self.apps_off)]
        return ", ".join([*said, *(f"lacks {right}" for right in sorted(self.missing))])


MOST_AWAY = 2
"""Together no more than two things are missing, or all: what a third would add is refused already.
Where a policy doesn't ask for facturation, what comes by another way or is of no matter counts too."""


def standings(policy: Policy) -> Iterator[Standing]:
    """The product of what the policy asks for, each once."""
    apps = [d.removeprefix("app ") for d in policy.demands if d.startswith("app ")]
    rights = [d.removeprefix("right ") for d in policy.demands if d.startswith("right ")]
    rights += [MASS_DEPLOYMENT for d in policy.demands if d == "may deploy"]
    bills, asks = "facturation" in policy.demands, set(policy.demands)
    administers = "administers" in asks
    profiles = ("chosen", "another", "none") if bills else ("chosen", "none")
    off = [frozenset[str](), *(frozenset({app}) for app in apps), frozenset(apps)]
    missing = [frozenset[str](), *(frozenset({right}) for right in rights)]
    states = ["on", "incomplete", "strict"]
    states += ["off"] if bills or administers else []
    states += ["unsubscribed"] if administers else []
    seen = set()
    for profile, apps_off, whom, lacking, state, of, by in product(
        profiles if bills or rights else profiles[:1], off, ("person", "company"), missing, states,
        ("all", "asked") if administers or "company" in asks else ("all",),
        PEOPLE_OF if {"administers", "company", "own deployment"} & asks else ("firm",),
    ):  # fmt: skip
        one = Standing(
            profile, apps_off, whom if apps_off else "person", lacking, state,
            "all" if state == "on" or by != "firm" else of, by,
        )  # fmt: skip
        all_away = profile == "none" and apps_off == off[-1] and lacking == missing[-1]
        away = one.away
        if not bills:
            away += (profile == "none") + (state in ("incomplete", "unsubscribed"))
            away += by == "other firm" and state != "on"
        if one not in seen and (away <= MOST_AWAY or (all_away and state == "off")):
            seen.add(one)
            yield one


def roles(policy: Policy, standing: Standing) -> Iterator[str]:
    """Who is tried: where a policy asks nothing about who administers the company, whoever only works
    elsewhere (all those like an outsider) comes while at most one thing is missing."""
    elsewhere = not {"firm", "company", "administers", "own deployment"} & set(policy.demands)
    for role in ROLES:
        within = role == "outsider" or "own company" in people()[role].relations
        if within or not elsewhere or standing.away <= 1:
            yield role
