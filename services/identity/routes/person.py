"""Who calls, where it has to be a person: what changes how one signs in isn't for API keys."""

from typing import Annotated

from fastapi import Depends, Request

from services.identity.commands.attempts import Limits, Origin
from services.identity.context import Context, context
from services.identity.domain.errors import PeopleOnly
from shared.access.guard import Principal
from shared.callers import AnyCaller, Caller, client_address

Ctx = Annotated[Context, Depends(context)]


async def person(caller: AnyCaller) -> Principal:
    """A person, also one who still has to enrol a second factor."""
    if caller.scopes is not None:
        raise PeopleOnly
    return caller


async def settled_person(caller: Caller) -> Principal:
    """A person who has done all steps of signing in."""
    return await person(caller)


async def enrolled_person(caller: Annotated[Principal, Depends(person)]) -> Principal:
    """A person who has enrolled what the company asks for; also support staff inside a file."""
    caller.require_enrolled()
    return caller


def origin(request: Request, ctx: Ctx) -> Origin:
    """From where, with what, and how often one may guess from there."""
    settings = ctx.settings
    limits = Limits(
        settings.failures_per_address, settings.failures_per_account, settings.asked_per_network
    )
    return Origin(client_address(request), limits, request.headers.get("user-agent", "")[:300])


Person = Annotated[Principal, Depends(person)]
EnrolledPerson = Annotated[Principal, Depends(enrolled_person)]
SettledPerson = Annotated[Principal, Depends(settled_person)]
From = Annotated[Origin, Depends(origin)]
