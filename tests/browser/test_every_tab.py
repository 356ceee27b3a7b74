"""Every page with the Tab key alone: all that can be used is reached, in the order in which it stands, seen
when it is, and left again; the first stop skips to the content. Pages are those of the router."""

import asyncio
from typing import Any

from playwright.async_api import Browser, Page

from tests.browser.test_every_state import TABS, _Served, every_state, looked_at
from tests.matrix.asgi import Answer
from tests.matrix.people import Cast
from tests.matrix.platform import PAGES

WATCH = """() => {
    // what is folded is opened: it must be reached there too
    document.querySelectorAll('details').forEach(d => d.open = true);
    const usable = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
    const name = e => e.outerHTML.slice(0, 120);
    const look = e => {
        const s = getComputedStyle(e);
        return {ring: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 && s.outlineColor,
                place: e.getBoundingClientRect()};
    };
    const aside = ':disabled, .visually-hidden[tabindex="-1"]';
    const stops = [...document.querySelectorAll(usable)]
        .filter(e => !e.matches(aside) && e.checkVisibility({visibilityProperty: true}));
    // of radio buttons of one name the one that is checked, or the first, stands for all
    const radios = stops.filter(e => e.type === 'radio');
    const stands = r => (radios.filter(o => o.name === r.name && o.form === r.form).find(o => o.checked)
        || radios.find(o => o.name === r.name && o.form === r.form)) === r;
    window.stops = stops.filter(e => e.type !== 'radio' || stands(e));
    window.reached = []; window.unseen = [];
    document.addEventListener('focusin', event => {
        const e = event.target, now = look(e);
        if (window.reached.at(-1) === e) return;  // the parts of a date
        window.reached.push(e);
        if (!now.ring || now.ring === 'rgba(0, 0, 0, 0)' || now.place.width < 1 || now.place.height < 1)
            window.unseen.push(name(e));
    });
    window.wrong = () => {
        const got = [...new Set(window.reached.filter(e => window.stops.includes(e)))], found = [];
        const missed = window.stops.filter(e => !got.includes(e));
        if (missed.length) found.push('not reached: ' + missed.map(name).join(' | '));
        const place = got.findIndex((e, n) => e !== window.stops[n]);
        if (!missed.length && place >= 0) found.push('out of order: ' + name(got[place]));
        if (!window.stops[0].matches('a.skip[href="#content"]')) found.push('first: ' + name(window.stops[0]));
        return found.concat(window.unseen.map(e => 'focus not seen: ' + e));
    };
    return window.stops.length + 4 * document.querySelectorAll('input[type=date]').length;
}"""
LEFT = """() => document.activeElement === document.body
    || window.reached.indexOf(window.stops[0], window.reached.indexOf(window.stops.at(-1))) > 0"""
SKIPPED = "() => document.activeElement && document.activeElement.id === 'content'"


async def test_every_page_is_used_with_the_tab_key_alone(
    everybody: Cast, chromium: Browser
) -> None:
    found: dict[str, Answer] = {}
    for state, answer in (await every_state(everybody, "fr")).values():
        if looked_at(answer):
            found.setdefault(state.route, answer)
    waiting, served = list(found.items()), _Served(everybody)
    flaws: dict[str, list[str]] = {}

    async def tab() -> None:
        context = await chromium.new_context(viewport={"width": 1280, "height": 800})
        page = await context.new_page()
        await page.route("**/*", served.to(page))
        while waiting:
            name, answer = waiting.pop()
            if wrong := await walked(page, served, answer):
                flaws[name] = wrong
        await context.close()

    await asyncio.gather(*(tab() for _ in range(TABS)))
    assert flaws == {}


async def walked(page: Page, served: Any, answer: Answer) -> list[str]:
    """From the top to past the end by Tab; what is wrong with it."""
    served.now[page] = answer
    await page.goto(f"{PAGES}/shown")
    for _ in range(await page.evaluate(WATCH)):
        await page.keyboard.press("Tab")
    found: list[str] = await page.evaluate("window.wrong()")
    if found:
        return found
    await page.keyboard.press("Tab")
    if not await page.evaluate(LEFT):
        return ["a trap: Tab doesn't leave the last stop"]
    await page.locator("a.skip").focus()
    await page.keyboard.press("Enter")
    return [] if await page.evaluate(SKIPPED) else ["the skip link doesn't lead to the content"]
