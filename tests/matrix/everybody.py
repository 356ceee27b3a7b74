"""Everybody there can be: role × profile × apps × rights × the company's state, for what a policy asks.

Roles are people of the cast with their own tokens. The rest reaches the services as it does in life:
as events of identity and the portal, applied by the projections' own handlers; nobody is made anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from services.identity.domain.access import external_rights
from shared.access.guard import EXTERNAL
from shared.access.rights import ALL_RIGHTS
from shared.contracts.identity import MembershipKind
from tests.matrix.source import Lacks, Policy, people

ROLES: dict[str, MembershipKind] = {
    "owner": "internal", "employee": "internal", "accountant": "accountant",
    "support, let in": "support", "key: read": "internal", "key: read, write": "internal",
    "outsider": "internal",
}  # fmt: skip
"""By name in the cast: what kind of member it is. An outsider asks for the others' things."""


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
    company: str = "on"
    """Facturation on, off, on with legal information incomplete, or a second factor due (strict)."""

    def lacks(self, role: str) -> Lacks:
        """What somebody in that role hasn't got, here."""
        kind = ROLES[role]
        found = set(people()[role].lacks)
        held = set(external_rights(kind) if kind in EXTERNAL else ALL_RIGHTS) - self.missing
        found |= {f"right {right}" for right in ALL_RIGHTS if right not in held}
        found |= {f"app {app}" for app in self.apps_off}
        if self.company == "off" or (self.profile != "chosen" and kind not in EXTERNAL):
            found.add("facturation")
        if self.company == "strict":
            found.add("enrolment")
        return frozenset(found)

    @property
    def away(self) -> int:
        """How many things are missing."""
        return (
            len(self.apps_off) + len(self.missing)
            + (self.profile != "chosen") + (self.company in ("off", "strict"))
        )  # fmt: skip

    def __str__(self) -> str:
        said = [f"profile {self.profile}", f"company {self.company}"]
        said += [f"without {app} ({self.off_for})" for app in sorted(self.apps_off)]
        return ", ".join([*said, *(f"lacks {right}" for right in sorted(self.missing))])


MOST_AWAY = 2
"""Together no more than two things are missing, or all: what a third would add is refused already."""


def standings(policy: Policy) -> Iterator[Standing]:
    """The product of what the policy asks for, each once."""
    apps = [d.removeprefix("app ") for d in policy.demands if d.startswith("app ")]
    rights = [d.removeprefix("right ") for d in policy.demands if d.startswith("right ")]
    bills = "facturation" in policy.demands
    profiles = ("chosen", "another", "none") if bills else ("chosen",)
    off = [frozenset[str](), *(frozenset({app}) for app in apps), frozenset(apps)]
    missing = [frozenset[str](), *(frozenset({right}) for right in rights)]
    states = ("on", "off", "incomplete", "strict") if bills else ("on", "incomplete", "strict")
    seen = set()
    for profile, apps_off, whom, lacking, state in product(
        profiles, off, ("person", "company"), missing, states
    ):
        one = Standing(profile, apps_off, whom if apps_off else "person", lacking, state)
        all_away = profile == "none" and apps_off == off[-1] and lacking == missing[-1]
        if one not in seen and (one.away <= MOST_AWAY or (all_away and state == "off")):
            seen.add(one)
            yield one
