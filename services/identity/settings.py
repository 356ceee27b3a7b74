"""Settings of identity, prefix IDENTITY_."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class IdentitySettings(ServiceSettings):
    """See shared.settings for what all services have."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore")

    master_key_file: Path
    """Seals the signing keys at rest."""
    session_lifetime: timedelta = timedelta(hours=12)
    invitation_lifetime: timedelta = timedelta(days=7)
    failures_per_address: int = 20
    """Failed sign-ins from one address in five minutes before it has to wait."""
    failures_per_account: int = 20
    """Failed sign-ins to one account in five minutes before addresses that it never signed in from wait."""
    asked_per_network: int = 30
    """Sign-ups, companies and letters for forgotten passwords asked for from one network in an hour."""
    portal_url: str = "http://127.0.0.1:8000"
    """Where links in mail lead, and the site that passkeys are good for; never taken from a request."""
    smtp: dict[str, Any] | None = None
    """Mail server for invitations and sign-ups: host, port, sender, tls (starttls, implicit, plain),
    ca_file, username, password. Without it, invitations are shown to whoever invites, and a sign-up
    counts at once, which tells whether an address is taken: not for a platform that is open to all."""
