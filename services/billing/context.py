"""What billing's routes work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.billing.settings import BillingSettings
from shared.clock import Clock
from shared.database import Database
from shared.einvoice.rules import Validator


@dataclass(frozen=True)
class Context:
    db: Database
    validator: Validator
    settings: BillingSettings
    clock: Clock
    issued: Callable[[], None]
    """Called after an issue committed: wakes the relay."""
    needed: Callable[[], None]
    """Called when somebody waits for a PDF: wakes the renderer."""


def context(request: Request) -> Context:
    """The context of the running service; NotReady while the database is away."""
    state = request.app.state
    return Context(
        state.service.database,
        state.validator,
        state.settings,
        state.clock,
        state.issued,
        state.needed,
    )


Ctx = Annotated[Context, Depends(context)]
