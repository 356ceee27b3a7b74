"""One service alone: what it would have heard from identity and the portal is put in by its own
handlers, and callers bring tokens signed with the key it heard of."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from joserfc.jwk import OKPKey

from deploy.local.broker import Broker
from deploy.local.postgres import ServiceDatabase
from deploy.local.process import free_port
from shared.access import projection, tokens
from shared.access.rights import APPS, DOCUMENT_MANAGEMENT, INVOICING
from shared.contracts.identity import (
    Company,
    CompanyChanged,
    MembershipChanged,
    ProfileChanged,
    SigningKeyPublished,
)
from shared.contracts.portal import BillingEnabled, ProfileRef
from shared.database import Database
from shared.events import Actor, Envelope, Event
from shared.settings import KafkaSettings
from tests.platform import SELLER
from tests.services import kafka_settings, ready

RECEIVING = {**SELLER, "peppol_id": f"0208:{SELLER['registration_number']}"}
"""A company that the network reaches."""

SYSTEM = Actor(kind="system", id="test")


@dataclass
class World:
    """Companies, people and the key that signs their tokens."""

    key_id: UUID = field(default_factory=uuid4)
    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))

    async def publish_key(self, db: Database) -> None:
        """The service hears of the signing key."""
        published = SigningKeyPublished(
            key_id=self.key_id,
            public_key=json.dumps(self.key.as_dict(private=False)),
            expires_at=datetime.now(UTC) + timedelta(days=1),
        )
        await _tell(db, published)

    async def biller(
        self, db: Database, legal: dict[str, Any] = RECEIVING, language: str = "fr"
    ) -> "Caller":
        """A company, facturation on for it, and somebody there who may invoice."""
        company, profile, membership, user = uuid4(), uuid4(), uuid4(), uuid4()
        await _tell(db, CompanyChanged(
            company_id=company, kind="company", firm_id=None,
            company=Company.model_validate(legal), missing_legal_fields=[],
        ))  # fmt: skip
        await _tell(db, ProfileChanged(
            profile_id=profile, company_id=company, name="Gérant",
            rights=[INVOICING, DOCUMENT_MANAGEMENT], active=True
        ))  # fmt: skip
        await _tell(db, MembershipChanged(
            membership_id=membership, user_id=user, company_id=company, role="employee",
            kind="internal", profile_id=profile, rights=[], apps=list(APPS), active=True,
            email="a@example.org", first_name="A", last_name="B", language=language,
        ))  # fmt: skip
        await _tell(db, BillingEnabled(
            company_id=company, firm_id=uuid4(), enabled=True,
            profiles=[ProfileRef(profile_id=profile, name="Gérant")],
        ))  # fmt: skip
        now = datetime.now(UTC)
        claims = tokens.Claims(
            user_id=user, session_id=uuid4(), membership_id=membership, company_id=company,
            membership_version=1, issued_at=now, expires_at=now + timedelta(hours=2),
        )  # fmt: skip
        return Caller(company, tokens.sign(claims, self.key, self.key_id))


@dataclass(frozen=True)
class Caller:
    company_id: UUID
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def _tell(db: Database, event: Event, version: int = 1) -> None:
    handlers: dict[type[Event], Any] = {
        SigningKeyPublished: projection.project_signing_key,
        CompanyChanged: projection.project_company,
        ProfileChanged: projection.project_profile,
        MembershipChanged: projection.project_membership,
        BillingEnabled: projection.project_billing,
    }
    envelope = Envelope(
        uuid4(), event.topic, 1, str(event.key), datetime.now(UTC), "/facteur/test", version,
        SYSTEM, None, None, None,
    )  # fmt: skip
    async with db.system_transaction() as conn:
        await handlers[type(event)](conn, event, envelope)


@dataclass
class Process:
    """A service in a process of its own, as in production, that a test may kill."""

    name: str
    process: asyncio.subprocess.Process
    url: str

    async def ended(self, seconds: float = 30) -> int:
        """Wait until it is gone; its status (-9: killed)."""
        return await asyncio.wait_for(self.process.wait(), seconds)


@asynccontextmanager
async def started(
    name: str, database: ServiceDatabase, broker: Broker | None, *arguments: str, **env: str
) -> AsyncIterator[Process]:
    """`facteur NAME …` with this environment on top of what it needs; ready, if it is a service.

    A worker needs no broker.
    """
    kafka, port = kafka_settings(broker) if broker else KafkaSettings(), free_port()
    prefix = name.upper()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.cli.main", name, *arguments,
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            f"{prefix}_DATABASE_URL": database.runtime_dsn,
            f"{prefix}_PORT": str(port),
            "FACTEUR_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "FACTEUR_KAFKA_IDEMPOTENT": str(kafka.idempotent).lower(),
            "FACTEUR_KAFKA_PARTITIONS": str(kafka.partitions),
            "FACTEUR_KAFKA_SESSION_TIMEOUT_MS": "6000",
            "FACTEUR_KAFKA_HEARTBEAT_MS": "300",
            **env,
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL if not os.environ.get("FACTEUR_SHOW") else None,
    )  # fmt: skip
    running = Process(name, process, f"http://127.0.0.1:{port}")
    try:
        if not arguments:
            async with httpx.AsyncClient(base_url=running.url) as client:
                await ready(client, 60)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 40)
