"""Somebody who looks at a page: language, standing, the owners' answers, and what is shown to them."""

import json
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from services.portal.store import people
from services.portal.web import session, words
from services.portal.web.owners import Owner, Owners
from services.portal.web.problems import field_errors, problem_text
from services.portal.web.rendering import render
from shared.access.guard import Principal
from shared.access.rights import DOCUMENT_MANAGEMENT, INVOICING, MASS_DEPLOYMENT, AppName
from shared.callers import client_address
from shared.http import UNSTORABLE_TEXT
from shared.problems import Conflict, Forbidden, Invalid, NotFound, Problem, Unauthenticated
from shared.telemetry import current_trace_id


class OtherCompany(Conflict):
    """This page was opened for another company than the one you are working in now."""

    slug, title = "other-company", "Another company"


MOST_BRACKETS = 50
"""More than any passkey's answer has."""

OWN = ("/support/", "/me")
"""What support staff may send while they look into a file: it is about themselves."""


class EnrolmentFirst(Forbidden):
    """Your company requires two-factor authentication; set it up first."""

    slug, title = "second-factor-enrolment", "Second factor first"


@dataclass
class Visitor:
    """One request of one person."""

    request: Request
    language: str
    principal: Principal | None = None
    name: str = ""
    token: str = ""
    support: list[str] = field(default_factory=list)
    """Support staff who are inside the company's file, by name."""
    form: FormData = field(default_factory=FormData)

    @property
    def me(self) -> Principal:
        """The person's standing; only for pages that ask for a signed-in visitor."""
        assert self.principal is not None  # noqa: S101 — the dependency saw to it
        return self.principal

    def may(self, right: str) -> bool:
        return self.principal is not None and right in self.principal.rights

    @property
    def operates(self) -> bool:
        """Whether this is an owner of the operator's own company."""
        own = self.request.app.state.settings.operator_company_id
        me = self.principal
        return (
            own is not None
            and me is not None
            and (me.company_id, me.role, me.kind) == (own, "owner", "internal")
        )

    def uses(self, app: str) -> bool:
        """Whether links to that app are shown."""
        return self.principal is not None and app in self.principal.apps

    @property
    def receives(self) -> bool:
        """Whether received documents are shown: all of them come over Peppol."""
        return self.uses("purchases") and self.uses("peppol") and self.may(DOCUMENT_MANAGEMENT)

    def resends(self, channel: str) -> bool:
        """Whether this person may send again by that channel."""
        return self.may(DOCUMENT_MANAGEMENT) and (channel != "peppol" or self.uses("peppol"))

    def text(self, key: str, **values: Any) -> str:
        """Words of the catalogue in this person's language."""
        return words.text(self.language, key, **values)

    def field(self, name: str) -> str:
        """A field of the form sent, without the space around it."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def fields(self, name: str) -> list[str]:
        """All values of a field that may stand several times."""
        return [v.strip() for v in self.form.getlist(name) if isinstance(v, str)]

    def brought(self, name: str) -> dict[str, Any]:
        """What a script of ours put into a field as JSON; empty when it is none, or nests as none
        of ours does: what can be read so deep can't be sent on."""
        text = self.field(name)
        try:
            found = json.loads(text) if text.count("{") + text.count("[") <= MOST_BRACKETS else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    async def ask(self, owner: Owner, method: str, path: str, **options: Any) -> httpx.Response:
        """The owner's answer to this person; raises the Problem it refused with, or OwnerAway."""
        owners: Owners = self.request.app.state.owners
        authorization = f"Bearer {self.token}" if self.token else ""
        headers = {"X-Forwarded-For": client_address(self.request), **options.pop("headers", {})}
        return await owners.call(owner, method, path, authorization, headers=headers, **options)

    @property
    def session_secret(self) -> str:
        """What the session's cookie holds; Unauthenticated when there is none."""
        if secret := session.cookie(self.request, "session"):
            return secret
        raise Unauthenticated

    async def ask_session(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Identity's answer to this session (or `secret`'s), which need not have a token yet."""
        owners: Owners = self.request.app.state.owners
        headers = {"X-Forwarded-For": client_address(self.request)}
        secret = options.pop("secret", "") or self.session_secret
        authorization = f"Session {secret}"
        return await owners.call(
            "identity", method, path, authorization, headers=headers, **options
        )

    async def get(self, owner: Owner, path: str, **params: Any) -> Any:
        """The JSON of what the owner shows."""
        given = {k: str(v) for k, v in params.items() if v not in (None, "")}
        return (await self.ask(owner, "GET", path, params=given)).json()

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """The page as this person sees it."""
        secret = session.cookie(self.request, "session")
        html = render(
            template,
            self.language,
            visitor=self,
            request=self.request,
            form_token=session.form_token(secret) if secret else "",
            trace_id=current_trace_id(),
            **{"problem": None, "errors": {}, "done": self._done(), **values},
        )
        return HTMLResponse(html, status_code=status)

    def refused(self, template: str, problem: Problem, **values: Any) -> Response:
        """The same form again, filled, with what was wrong."""
        said = {
            "problem": problem_text(self.language, problem),
            "errors": field_errors(self.language, problem),
        }
        return self.page(template, status=problem.status, **{**said, **values})

    def go(self, path: str, done: str = "") -> Response:
        """On to another page, which says what was done (a key of the catalogue's `done`)."""
        if done:
            path += ("&" if "?" in path else "?") + f"done={done}"
        return RedirectResponse(path, status_code=303)

    def _done(self) -> str:
        return words.known(self.language, f"done.{self.request.query_params.get('done', '')}") or ""


async def form_of(request: Request) -> FormData:
    """The form that was sent; Invalid for one in an alphabet that there isn't, or that isn't kept to."""
    try:
        return await request.form()
    except UnicodeError as error:
        raise Invalid(UNSTORABLE_TEXT) from error


def language_of(request: Request, own: str | None = None) -> str:
    """`?lang=`, else the cookie, else the person's own, else what the browser asks for."""
    asked = request.query_params.get("lang", "")
    if asked in words.LANGUAGES:
        session.set_cookie(request, "lang", asked, seconds=31_536_000)
        return asked
    kept = session.cookie(request, "lang")
    if kept in words.LANGUAGES:
        return kept
    if own in words.LANGUAGES:
        return own
    return words.negotiated(request.headers.get("accept-language", ""))


async def anyone(request: Request) -> Visitor:
    """A visitor who need not have signed in."""
    visitor = Visitor(request, language_of(request))
    request.state.visitor = visitor
    if request.method == "POST":
        session.same_site(request)
        visitor.form = await form_of(request)
    return visitor


async def enrolling(request: Request) -> Visitor:
    """A visitor with a standing, even if only to enrol a second factor. A form must come from this
    session, and for this company."""
    visitor = Visitor(request, language_of(request))
    request.state.visitor = visitor
    visitor.token = await session.access_token(request)
    service = request.app.state.service
    visitor.principal = principal = await service.guard.principal(visitor.token)
    if principal.scopes is not None:
        raise Unauthenticated("Pages are for persons, not for API keys.")
    visitor.language = language_of(request, principal.language)
    async with service.database.system_transaction() as conn:
        visitor.name = await people.name_of(conn, principal.membership_id)
        visitor.support = await people.support_in(conn, principal.company_id)
    if request.method == "POST":
        session.same_site(request)
        visitor.form = await form_of(request)
        session.same_session(request, visitor.field("_form"))
        if not request.url.path.startswith(OWN):
            principal.require_change()
        if visitor.field("_company") != str(principal.company_id):
            raise OtherCompany
    return visitor


async def signed_in(visitor: Annotated[Visitor, Depends(enrolling)]) -> Visitor:
    """A visitor who has done all that signing in asks for."""
    if visitor.me.two_factor_pending:
        raise EnrolmentFirst
    return visitor


Enrolling = Annotated[Visitor, Depends(enrolling)]
SignedIn = Annotated[Visitor, Depends(signed_in)]
Anyone = Annotated[Visitor, Depends(anyone)]


class NotAFirm(Forbidden):
    """Only the people of a firm administer companies."""

    slug, title = "not-a-firm", "Not a firm"


async def of_a_firm(visitor: SignedIn) -> Visitor:
    """Somebody of a firm, who works in Companies."""
    if not visitor.me.of_firm:
        raise NotAFirm
    return visitor


@dataclass(frozen=True)
class Demand:
    """What pages ask for beyond facturation: apps (P7, D5), and a right to look or to change (D10)."""

    apps: tuple[AppName, ...]
    look: str | None = None
    change: str | None = None


DEMANDS = {
    "/invoices/new": Demand(("invoices",), look=INVOICING),
    "/invoices": Demand(("invoices",), change=INVOICING),
    "/drafts": Demand(("invoices",), change=INVOICING),
    "/deliveries": Demand(("invoices",), change=DOCUMENT_MANAGEMENT),
    "/purchases": Demand(("purchases", "peppol"), DOCUMENT_MANAGEMENT, DOCUMENT_MANAGEMENT),
    "/dashboard": Demand(("statistics",)),
}
"""By how a page's path begins, the first that fits; all others ask for nothing more."""


async def biller(visitor: SignedIn) -> Visitor:
    """Somebody who may invoice (P2), uses the apps and holds the right that the page asks for."""
    visitor.me.require_billing()
    path = visitor.request.url.path
    demand = next((d for beginning, d in DEMANDS.items() if path.startswith(beginning)), None)
    if demand is not None:
        for app in demand.apps:
            visitor.me.require_app(app)
        right = demand.change if visitor.request.method == "POST" else demand.look
        if right is not None:
            visitor.me.require(right)
    return visitor


async def deployer(visitor: Annotated[Visitor, Depends(of_a_firm)]) -> Visitor:
    """Somebody of a firm with the right to mass deployment (P4)."""
    if MASS_DEPLOYMENT not in visitor.me.rights:
        raise Forbidden(slug="no-mass-deployment")
    return visitor


async def operator(visitor: SignedIn) -> Visitor:
    """An owner of the operator's own company (S3); for all others the page doesn't exist."""
    if not visitor.operates:
        raise NotFound
    return visitor


OfAFirm = Annotated[Visitor, Depends(of_a_firm)]
Biller = Annotated[Visitor, Depends(biller)]
Operator = Annotated[Visitor, Depends(operator)]
Deployer = Annotated[Visitor, Depends(deployer)]
