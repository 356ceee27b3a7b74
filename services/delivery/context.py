"""What delivery's routes work with."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from shared.clock import Clock
from shared.database import Database
from shared.secretbox import SecretBox


@dataclass(frozen=True)
class Context:
    db: Database
    box: SecretBox
    clock: Clock
    planned: Callable[[], None]
    """Called after deliveries may have become due: wakes relay and workers."""


def context(request: Request) -> Context:
    """The context of the running service; NotReady while the database is away."""
    state = request.app.state
    return Context(state.service.database, state.box, state.clock, state.planned)
