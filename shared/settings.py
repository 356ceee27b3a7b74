"""Settings that every service has. No secret has a default; a missing one stops the start by name."""

import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_secrets = os.environ.get("FACTEUR_SECRETS_DIR")
SECRETS_DIR = _secrets if _secrets and Path(_secrets).is_dir() else None
"""A folder of files named like settings (`billing_database_url`), for secrets; the environment wins."""


class KafkaSettings(BaseSettings):
    """How to reach the broker; `FACTEUR_KAFKA_*`, the same for every service."""

    model_config = SettingsConfigDict(
        env_prefix="FACTEUR_KAFKA_", extra="ignore", secrets_dir=SECRETS_DIR
    )

    bootstrap: str = "127.0.0.1:9092"
    idempotent: bool = True
    """Off only for a broker without idempotent producers (Tansu)."""
    replication: int = 1
    partitions: int = 6
    security: Literal["PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"] = "PLAINTEXT"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    session_timeout_ms: int = 10_000
    heartbeat_ms: int = 1_000
    fetch_max_wait_ms: int = 500
    """The longest that a lane waits for the broker's answer; its own pace may be quicker."""


class ServiceSettings(BaseSettings):
    """Subclassed with `env_prefix` by each service."""

    model_config = SettingsConfigDict(extra="ignore", secrets_dir=SECRETS_DIR)

    host: str = "127.0.0.1"
    port: int = 8000
    database_url: SecretStr
    """The runtime role: owns no table, bound by row-level security."""
    owner_database_url: SecretStr | None = None
    """The owner's role, for migrations at start; unset where `facteur migrate` runs apart."""
    pool_min: int = 1
    pool_max: int = 10
    master_key_file: Path | None = None
    """32 random bytes, base64: encrypts secrets at rest (AES-256-GCM)."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1/128"),
    )
    """Whose X-Forwarded-For is believed: for identity the portal's network, for the portal its reverse
    proxy's. A JSON list of networks."""
    inbox_days: int = 30
    """How long the inbox remembers; effects are idempotent without it."""
    outbox_days: int = 400
    """How long published events stay, so that topics can be filled again."""
    max_body_bytes: int = Field(default=11 * 1024 * 1024)
