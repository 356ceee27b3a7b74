"""The rights ("habilitations") that exist. What a right allows is decided by the service that asks."""

from typing import Final, Literal, get_args

MASS_DEPLOYMENT: Final = "mass_deployment"
USER_MANAGEMENT: Final = "user_management"
DOCUMENT_MANAGEMENT: Final = "document_management"
INVOICING: Final = "invoicing"
COMPANY_SETTINGS: Final = "company_settings"
AUDIT: Final = "audit"

AppName = Literal["customers", "products", "invoices", "purchases", "peppol", "statistics"]
APPS: Final[tuple[AppName, ...]] = get_args(AppName)
ALWAYS_ON: Final = ("customers", "products")
"""Apps that no switch takes away (D5)."""

ALL_RIGHTS: Final = (
    MASS_DEPLOYMENT,
    USER_MANAGEMENT,
    DOCUMENT_MANAGEMENT,
    INVOICING,
    COMPANY_SETTINGS,
    AUDIT,
)
