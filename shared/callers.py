"""Who calls, and whether the route is open to them: what routes ask for as a dependency."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request

from shared.access.guard import Guard, Principal
from shared.access.rights import DOCUMENT_MANAGEMENT, INVOICING, AppName
from shared.logs import acting_for
from shared.problems import Forbidden, Unauthenticated
from shared.settings import ServiceSettings


def client_address(request: Request) -> str:
    """The client's network address. X-Forwarded-For counts when it comes from a trusted proxy, and
    its last entry only: the rest is whatever the client wrote."""
    address = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    settings: ServiceSettings = request.app.state.service.settings
    try:
        peer, client = ip_address(address), ip_address(forwarded)
    except ValueError:
        return address
    return str(client) if any(peer in network for network in settings.trusted_proxies) else address


async def anyone(request: Request) -> Principal:
    """Whoever holds a valid token, also one that is good for enrolling a second factor only."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    guard: Guard = request.app.state.service.guard
    caller = await guard.principal(token.strip())
    acting_for(caller.company_id)
    return caller


async def bearer(request: Request) -> Principal:
    """The caller, from `Authorization: Bearer …` (RFC 6750), within an API key's scopes."""
    caller = await anyone(request)
    caller.require_enrolled()
    needed = "read" if request.method in SAFE_METHODS else "write"
    if caller.scopes is not None and needed not in caller.scopes:
        raise Forbidden(f"This API key lacks the scope {needed!r}.", slug="scope-missing")
    if request.method not in SAFE_METHODS:
        caller.require_change()
    return caller


SAFE_METHODS = ("GET", "HEAD")

Caller = Annotated[Principal, Depends(bearer)]


async def biller(caller: Caller) -> Principal:
    """The caller, who may invoice; 403 otherwise (P2)."""
    caller.require_billing()
    return caller


def biller_using(*apps: AppName, right: str | None = None) -> Callable[..., Awaitable[Principal]]:
    """The caller, who may invoice, uses these apps and holds `right`; 403 otherwise (P2, P7, D5, D10)."""

    async def allowed(caller: Annotated[Principal, Depends(biller)]) -> Principal:
        for app in apps:
            caller.require_app(app)
        if right is not None:
            caller.require(right)
        return caller

    return allowed


Biller = Annotated[Principal, Depends(biller)]
InvoicesBiller = Annotated[Principal, Depends(biller_using("invoices"))]
"""Looks at documents."""
InvoicesWriter = Annotated[Principal, Depends(biller_using("invoices", right=INVOICING))]
"""Writes and issues them."""
DocumentsKeeper = Annotated[Principal, Depends(biller_using("invoices", right=DOCUMENT_MANAGEMENT))]
"""Decides what becomes of issued ones."""
PurchasesKeeper = Annotated[
    Principal, Depends(biller_using("purchases", "peppol", right=DOCUMENT_MANAGEMENT))
]
"""Looks after received ones; all of them come over Peppol."""
AnyCaller = Annotated[Principal, Depends(anyone)]
