"""Where an operator's command finds the settings of the service it works on.

The environment, as for the service itself; else the embedded stack that `--stack` names; else the
one that has run in the usual place.
"""

import argparse
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.database import Database


def add_stack(parser: argparse.ArgumentParser) -> None:
    """`--stack DIR`."""
    parser.add_argument(
        "--stack",
        type=Path,
        metavar="DIR",
        help="the embedded stack to work on (default: the environment's settings, else .facteur)",
    )


def use_settings_of(service: str, stack: Path | None) -> None:
    """Put the service's settings into this process's environment; LookupError when there are none."""
    from deploy.local.environment import read_environment
    from deploy.local.paths import state_dir
    from shared.settings import SECRETS_DIR

    if stack is None:
        own = f"{service.upper()}_DATABASE_URL"
        if own in os.environ or (SECRETS_DIR and (Path(SECRETS_DIR) / own.lower()).exists()):
            return
        stack = state_dir()
        if not (stack / "environment.json").exists():
            raise LookupError(
                f"{own} is not set and no embedded stack has run in {stack}: set the service's "
                "settings, or name the stack with --stack DIR"
            )
        print(f"working on the embedded stack in {stack}", file=sys.stderr)
    os.environ.update(read_environment(stack, service))


@asynccontextmanager
async def open_database(service: str, stack: Path | None) -> "AsyncIterator[Database]":
    """The service's database, by the service's own settings."""
    from deploy.cli.run import load_settings
    from shared.database import connect

    use_settings_of(service, stack)
    db = await connect(load_settings(service).database_url.get_secret_value(), max_size=2)
    try:
        yield db
    finally:
        await db.close()
