"""What the portal's API routes work with."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from shared.clock import Clock
from shared.database import Database


@dataclass(frozen=True)
class Context:
    db: Database
    clock: Clock
    changed: Callable[[], None]
    """Called after a commit: wakes the relay."""


def context(request: Request) -> Context:
    """The context of the running service; NotReady while the database is away."""
    state = request.app.state
    return Context(state.service.database, state.clock, state.service.relay.wake)
