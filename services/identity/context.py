"""What identity's routes work with."""

from dataclasses import dataclass

from fastapi import Request

from services.identity.settings import IdentitySettings
from shared.clock import Clock
from shared.database import Database
from shared.secretbox import SecretBox


@dataclass(frozen=True)
class Context:
    db: Database
    box: SecretBox
    settings: IdentitySettings
    clock: Clock


def context(request: Request) -> Context:
    """The context of the running service; NotReady while the database is away."""
    state = request.app.state
    return Context(state.service.database, state.box, state.settings, state.clock)
