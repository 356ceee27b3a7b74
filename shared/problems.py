"""Refusals as RFC 9457 problem details: a stable `type`, a title, and what to do in `detail`."""

from typing import Any

PROBLEM_BASE = "urn:facteur:problem:"


class Problem(Exception):
    """A refusal that the caller can read: raised by commands and routes, rendered by shared.http."""

    status = 500
    slug = "internal"
    title = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        slug: str | None = None,
        title: str | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.detail = detail or (self.__doc__ or "")
        self.status = status if status is not None else type(self).status
        self.slug = slug or type(self).slug
        self.title = title or type(self).title
        self.headers = headers or {}
        self.extra = extra
        super().__init__(self.detail)

    def body(self) -> dict[str, Any]:
        """The JSON object of RFC 9457 §3.1; `extra` becomes extension members."""
        return {
            "type": PROBLEM_BASE + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


class Unauthenticated(Problem):
    """Sign in, then try again."""

    status, slug, title = 401, "unauthenticated", "Not signed in"


class Forbidden(Problem):
    """Your account has no right to do this; ask your administrator."""

    status, slug, title = 403, "forbidden", "Not allowed"


class NotFound(Problem):
    """There is no such thing here, or it isn't yours to see."""

    status, slug, title = 404, "not-found", "Not found"


class Conflict(Problem):
    """The thing changed meanwhile; load it again and repeat what you did."""

    status, slug, title = 409, "conflict", "Conflict"


class TooLarge(Problem):
    """The request is larger than what is accepted here."""

    status, slug, title = 413, "too-large", "Too large"


class TooSlow(Problem):
    """The request took too long to arrive; nothing was changed, send it again."""

    status, slug, title = 408, "too-slow", "Too slow"


class Invalid(Problem):
    """Some fields can't be accepted; each is named with what to do."""

    status, slug, title = 422, "invalid", "Not valid"


class Lagging(Problem):
    """This service hasn't heard yet of what you just did elsewhere; try again in a second."""

    status, slug, title = 503, "lagging", "Not up to date yet"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail, headers={"Retry-After": "1"}, **extra)


class NotReady(Problem):
    """The service is starting, or its database or broker is away; try again shortly."""

    status, slug, title = 503, "not-ready", "Not ready"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail, headers={"Retry-After": "2"}, **extra)
