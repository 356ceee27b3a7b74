"""The rights ("habilitations") that exist. What a right allows is decided by the service that asks."""

from typing import Final

MASS_DEPLOYMENT: Final = "mass_deployment"
USER_MANAGEMENT: Final = "user_management"
DOCUMENT_MANAGEMENT: Final = "document_management"
INVOICING: Final = "invoicing"
COMPANY_SETTINGS: Final = "company_settings"
AUDIT: Final = "audit"

ALL_RIGHTS: Final = (
    MASS_DEPLOYMENT,
    USER_MANAGEMENT,
    DOCUMENT_MANAGEMENT,
    INVOICING,
    COMPANY_SETTINGS,
    AUDIT,
)
