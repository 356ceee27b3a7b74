"""Settings of the portal, prefix PORTAL_."""

from uuid import UUID

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class PortalSettings(ServiceSettings):
    """See shared.settings for what all services have."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", extra="ignore")

    identity_url: str = "http://127.0.0.1:8001"
    billing_url: str = "http://127.0.0.1:8002"
    delivery_url: str = "http://127.0.0.1:8003"
    public_url: str = "http://127.0.0.1:8000"
    """How browsers reach the portal; links, and the origin that forms must come from."""
    secure_cookies: bool = False
    """On wherever the portal is served over https."""
    owner_timeout_seconds: float = 3.0
    operator_company_id: UUID | None = None
    """The operator's own back office: its owners see *Operations*; unset: nobody does."""
