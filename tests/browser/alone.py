"""The portal alone in a browser, with a firm whose companies are in its own tables."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser

from deploy.local.broker import Broker
from deploy.local.postgres import ServiceDatabase
from services.portal.app import create_app
from services.portal.settings import PortalSettings
from shared.database import Database, connect
from tests.browser.conftest import PATIENCE_MS, Screen
from tests.services import kafka_settings, served

SHOTS = os.environ.get("FACTEUR_SHOTS")
"""A folder for pictures of the pages, to be looked at."""


@dataclass
class Alone:
    """The running portal and its database."""

    base: str
    db: Database
    app: Any


@asynccontextmanager
async def portal(
    database: ServiceDatabase, broker: Broker, **settings: Any
) -> AsyncIterator[Alone]:
    """Serve it; the other services aren't there."""
    db = await connect(database.runtime_dsn, max_size=3)
    app = create_app(
        PortalSettings(database_url=database.runtime_dsn, **settings), kafka_settings(broker)
    )
    try:
        async with served(app) as client:
            yield Alone(str(client.base_url).rstrip("/"), db, app)
    finally:
        await db.close()


async def seated(
    browser: Browser, base: str, token: str, *, javascript: bool = True, width: int = 1280,
    language: str = "fr",
) -> Screen:  # fmt: skip
    """A window of somebody who has signed in."""
    context = await browser.new_context(
        viewport={"width": width, "height": 800}, locale="fr-FR", java_script_enabled=javascript
    )
    context.set_default_timeout(PATIENCE_MS)
    await context.add_cookies(
        [{"name": f"facteur_{n}", "value": v, "url": base}
         for n, v in (("session", "secret"), ("token", token), ("lang", language))]
    )  # fmt: skip
    found = Screen(await context.new_page(), base)
    found.page.on(
        "console", lambda m: found.said.append(m.text) if "Content Security" in m.text else None
    )
    found.page.on("pageerror", lambda error: found.said.append(str(error)))
    return found


async def picture(screen: Screen, name: str) -> None:
    """Keep the page's picture, when somebody asked for pictures."""
    if SHOTS:
        await screen.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def client(base: str, token: str) -> httpx.AsyncClient:
    """Of the portal's API."""
    return httpx.AsyncClient(
        base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=20
    )
