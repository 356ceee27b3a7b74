"""Settings of billing, prefix BILLING_."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class BillingSettings(ServiceSettings):
    """See shared.settings for what all services have."""

    model_config = SettingsConfigDict(env_prefix="BILLING_", extra="ignore")

    rule_workers: int = 1
    """Processes that apply the official rules (about 225 MB each)."""
    render_workers: int = 1
    """Processes that render Factur-X PDFs."""
    time_zone: str = "Europe/Paris"
    """Where an issue date is a day (Brussels and Paris share theirs)."""
