"""A browser without JavaScript: follows links and submits the forms of the portal's own pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from lxml import html
from lxml.html import FormElement, HtmlElement

from deploy.demo.people import PASSWORD, Person, Refused


class Browser:
    """One visitor of the portal; `page` is what stands before their eyes."""

    def __init__(self, portal: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=portal,
            timeout=30,
            trust_env=False,
            follow_redirects=True,
            headers={"Accept-Language": "fr", "Origin": portal},
        )
        self.page: HtmlElement = html.Element("html")
        self.status = 0

    async def open(self, path: str) -> None:
        """Go to a page of the portal."""
        self._show(await self._client.get(path))

    async def submit(self, action: str, **filled: Any) -> None:
        """Send the form that goes to `action`: its own fields, with those filled in instead."""
        form = next((f for f in self.page.forms if _action(f) == action), None)
        if form is None:
            raise Refused(f"the page shown has no form for {action}: {self.text[:300]}")
        fields: dict[str, Any] = {}
        for name, value in form.form_values():
            fields.setdefault(name, []).append(value)
        fields |= filled
        if form.method == "GET":
            self._show(await self._client.get(action, params=fields))
        else:
            self._show(await self._client.post(action, data=fields))

    async def sign_in(self, email: str) -> None:
        """By the page, with the demo's password."""
        await self.open("/sign-in")
        await self.submit("/sign-in", email=email, password=PASSWORD)
        if self.page.xpath('//form[@action="/sign-in"]'):
            raise Refused(f"{email} can't sign in by the page: {self.text[:300]}")

    @property
    def text(self) -> str:
        """What can be read on the page, in one line."""
        return " ".join(" ".join(self.page.xpath("//main//text()")).split())

    def has_link(self, path: str) -> bool:
        """Whether the page offers a link to that path."""
        return any(a.get("href", "").split("?")[0] == path for a in self.page.iter("a"))

    def offers(self, words: str) -> bool:
        """Whether the page has a button that says this."""
        return any(words in b.text_content() for b in self.page.iter("button"))

    def named_under(self, style: str) -> list[str]:
        """The people named in a part of the warning (`gains`, `loses`)."""
        items = self.page.xpath(
            '//*[contains(concat(" ", @class, " "), $style)]//li', style=f" {style} "
        )
        return [" ".join(item.text_content().split()) for item in items]

    async def close(self) -> None:
        """Sign out, and end the connections."""
        if self.page.xpath('//form[@action="/sign-out"]'):
            await self.submit("/sign-out")
        await self._client.aclose()

    def _show(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.page = html.document_fromstring(answer.text)


@asynccontextmanager
async def browsing(person: Person) -> AsyncIterator[Browser]:
    """A browser of its own for somebody, signed in by the page; signed out at the end."""
    browser = Browser(person.urls["portal"])
    try:
        await browser.sign_in(person.email)
        yield browser
    finally:
        await browser.close()


def _action(form: FormElement) -> str:
    return (form.action or "").split("?")[0]
