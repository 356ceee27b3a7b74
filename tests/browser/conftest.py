"""A real browser (Debian's Chromium) on the whole platform."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from deploy.local import postgres
from deploy.local.broker import Broker
from deploy.local.peers import filedrop
from deploy.local.pki import Pki
from tests.browser import states
from tests.conftest import DatabaseFactory
from tests.matrix.people import Cast
from tests.matrix.stage import staged
from tests.need import need
from tests.platform import PASSWORD, Platform, platform

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
]
PATIENCE_MS = 30_000


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
async def everybody(
    postgres_server: postgres.PostgresServer,
    migrated_template: DatabaseFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Cast]:
    """The people of the access matrix and what they have, with services that answer without a network."""
    folder = tmp_path_factory.mktemp("states")
    async with staged(postgres_server, migrated_template, "states", folder) as cast:
        await states.prepared(cast)
        yield cast


@pytest.fixture
async def drop(tmp_path: Path) -> AsyncIterator[filedrop.Filedrop]:
    pki = Pki.at(tmp_path / "pki")
    pki.server()
    options = filedrop.Options(
        tmp_path / "drop", pki.folder / "tls-localhost.pem", pki.folder / "tls-localhost.key"
    )
    peer = await filedrop.Filedrop(options).start()
    yield peer
    await peer.close()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    need(CHROMIUM, "Chromium: no `chromium` on the path")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@dataclass
class Screen:
    """One person's browser window on the portal."""

    page: Page
    base: str
    said: list[str] = field(default_factory=list)
    """What the browser complained of: broken content policy, scripts that failed."""
    javascript: bool = True

    async def go(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def sign_in(self, email: str) -> None:
        await self.go("/sign-in")
        await self.page.fill("#email", email)
        await self.page.fill("#password", PASSWORD)
        await self.press("Se connecter")

    async def press(self, name: str) -> None:
        """Press the button of that name, and wait for the page that follows."""
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=name, exact=True).click()

    async def follow(self, name: str) -> None:
        async with self.page.expect_navigation():
            await self.page.get_by_role("link", name=name, exact=True).first.click()

    async def flaws(self) -> list[str]:
        """What axe finds on the page, and whether it is wider than the window; axe is a script, so
        nothing where there is no JavaScript."""
        if not self.javascript:
            return []
        found = (await Axe().run(self.page)).response["violations"]
        wide = await self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found] + ["too wide"] * wide


async def screen(
    browser: Browser, running: Platform, *, javascript: bool = True, width: int = 1280
) -> Screen:
    """A new window; cookies of its own."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": 800}, locale="fr-FR", java_script_enabled=javascript
    )
    context.set_default_timeout(PATIENCE_MS)
    found = Screen(await context.new_page(), running.urls["portal"], javascript=javascript)
    found.page.on(
        "console", lambda m: found.said.append(m.text) if "Content Security" in m.text else None
    )
    found.page.on("pageerror", lambda error: found.said.append(str(error)))
    return found
