"""Who holds which rights by default, and who may manage whom."""

from collections.abc import Collection

from services.identity.domain.errors import NotYoursToGive, OwnersByOwners
from shared.access.rights import (
    ALL_RIGHTS,
    ALWAYS_ON,
    APPS,
    AUDIT,
    COMPANY_SETTINGS,
    DOCUMENT_MANAGEMENT,
    INVOICING,
    MASS_DEPLOYMENT,
)
from shared.contracts.identity import CompanyKind, MembershipKind

FOUNDER_PROFILE = "Gérant"
"""What the first owner has: facturation is opened for profiles, and nobody changes himself."""

DEFAULT_PROFILES: dict[str, tuple[str, ...]] = {
    FOUNDER_PROFILE: (INVOICING, DOCUMENT_MANAGEMENT, COMPANY_SETTINGS, AUDIT),
    "Comptable": (INVOICING, DOCUMENT_MANAGEMENT),
    "Assistant": (INVOICING,),
}


def founder_rights(kind: CompanyKind) -> list[str]:
    """What the first owner of a company holds; mass deployment belongs to firms."""
    return [right for right in ALL_RIGHTS if kind == "firm" or right != MASS_DEPLOYMENT]


def external_rights(kind: MembershipKind) -> list[str]:
    """An accountant has full access to the file, support looks; neither manages its users."""
    if kind == "accountant":
        return [INVOICING, DOCUMENT_MANAGEMENT, COMPANY_SETTINGS, AUDIT]
    return [DOCUMENT_MANAGEMENT, AUDIT]


def company_apps(wanted: Collection[str]) -> list[str]:
    """The apps of a company: those switched on, customers and products always."""
    return [app for app in APPS if app in wanted or app in ALWAYS_ON]


def apps_of(role: str, wanted: list[str]) -> list[str]:
    """An owner sees all apps; an employee those switched on, customers and products always (D5)."""
    if role == "owner":
        return list(APPS)
    return [app for app in APPS if app in wanted or app in ALWAYS_ON]


def check_grant(held: Collection[str], wanted: Collection[str], had: Collection[str] = ()) -> None:
    """NotYoursToGive unless whoever grants holds all that is added (D10)."""
    missing = set(wanted) - set(had) - set(held)
    if missing:
        raise NotYoursToGive(missing=sorted(missing))


def check_owner_maker(held: Collection[str], kind: CompanyKind) -> None:
    """OwnersByOwners for whoever holds less than an owner does."""
    if not set(founder_rights(kind)) <= set(held):
        raise OwnersByOwners
