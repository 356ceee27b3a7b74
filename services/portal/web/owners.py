"""Calls to the services that own what a page shows, with the user's own token."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from opentelemetry import propagate

from shared.problems import PROBLEM_BASE, Invalid, Problem

Owner = Literal["identity", "billing", "delivery"]

UNSENDABLE = "A hidden field of the form was changed; load the page again."
"""What goes into a header is ASCII without line ends (RFC 9110 §5.5); a form's version is one."""

MOST_LISTED = 200
"""So many an answer holds at most: the first customers or products by name, the newest documents."""


class OwnerAway(Problem):
    """A part of the platform isn't answering; nothing was lost, try again."""

    status, slug, title = 503, "owner-away", "Not answering"

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        super().__init__(owner=owner)


@dataclass(frozen=True)
class Owners:
    """One client for all calls; each ends after `seconds`, answered or not."""

    urls: dict[str, str]
    client: httpx.AsyncClient
    seconds: float = 3.0

    async def call(
        self, owner: Owner, method: str, path: str, authorization: str, **options: Any
    ) -> httpx.Response:
        """The owner's answer. Raises the Problem it refused with, OwnerAway, or Invalid for what no
        header can hold."""
        headers = {**options.pop("headers", {})}
        if authorization:
            headers["Authorization"] = authorization
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise Invalid(UNSENDABLE)
        propagate.inject(headers)
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self.client.request(
                    method, self.urls[owner] + path, headers=headers, **options
                )
        except (httpx.TransportError, TimeoutError) as error:
            raise OwnerAway(owner) from error
        if answer.is_error:
            raise refusal(owner, answer)
        return answer


async def health_of(owners: Owners, owner: Owner) -> dict[str, Any]:
    """What a service says of itself; `stage` says so when it doesn't answer."""
    try:
        async with asyncio.timeout(owners.seconds):
            answer = await owners.client.get(owners.urls[owner] + "/health/ready")
            found: dict[str, Any] = answer.json()
    except (httpx.TransportError, TimeoutError, ValueError):
        return {"service": owner, "stage": "away", "problems": ["away"], "lanes": {}, "relay": {}}
    return found


def open_owners(urls: dict[str, str], timeout_seconds: float) -> Owners:
    """The client is closed by whoever opened it."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
    client = httpx.AsyncClient(timeout=timeout_seconds, limits=limits, trust_env=False)
    return Owners({name: url.rstrip("/") for name, url in urls.items()}, client, timeout_seconds)


def refusal(owner: Owner, answer: httpx.Response) -> Problem:
    """The Problem in an owner's answer; an answer that isn't one is as good as none."""
    try:
        body: dict[str, Any] = answer.json()
        slug = str(body["type"]).removeprefix(PROBLEM_BASE)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return OwnerAway(owner)
    if answer.status_code >= 500 and slug in ("internal", "not-ready"):
        return OwnerAway(owner)
    extra = {
        name: value
        for name, value in body.items()
        if name not in ("type", "title", "status", "detail", "trace_id")
    }
    return Problem(
        str(body.get("detail", "")),
        status=answer.status_code,
        slug=slug,
        title=str(body.get("title", "")),
        **extra,
    )
