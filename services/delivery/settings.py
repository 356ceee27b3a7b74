"""Settings of delivery, prefix DELIVERY_."""

from pathlib import Path
from typing import Any

from pydantic_settings import SettingsConfigDict

from services.delivery.peppol.settings import PeppolSettings
from shared.settings import ServiceSettings


class DeliverySettings(ServiceSettings):
    """See shared.settings for what all services have."""

    model_config = SettingsConfigDict(
        env_prefix="DELIVERY_", env_nested_delimiter="__", extra="ignore"
    )

    master_key_file: Path
    """Seals passwords and keys of customers' servers."""
    retries_file: Path = Path(__file__).parent / "retries.toml"
    in_flight: int = 8
    """Deliveries that one worker process has under way at a time."""
    lease_seconds: float = 120.0
    private_addresses: bool = False
    """Whether deliveries may go to private and loopback addresses; for the embedded network."""
    smtp: dict[str, Any] | None = None
    """The platform's mail server, DELIVERY_SMTP__HOST and so on: see channels/email.py, SmtpServer."""
    reports_maildir: Path | None = None
    """Where the mail server delivers what comes back to the sender's address: a Maildir."""
    peppol: PeppolSettings | None = None
    """Certificates and network of the access point; without it Peppol is off."""
    rule_workers: int = 1
    """Processes that judge what is received (started at the first document)."""
