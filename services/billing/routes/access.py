"""Who reaches billing: facturation is on for the company, and the caller's profile is chosen."""

from typing import Annotated

from fastapi import Depends

from services.billing.context import Context, context
from shared.access.guard import Principal
from shared.http import Caller


async def biller(caller: Caller) -> Principal:
    """The caller, who may invoice; 403 otherwise (P2)."""
    caller.require_billing()
    return caller


Biller = Annotated[Principal, Depends(biller)]
Ctx = Annotated[Context, Depends(context)]
