"""The command `facteur`: run each service, the embedded stack, the demo; operate what runs."""

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Parse and run; returns the exit status."""
    from deploy.cli import demo, health, operate, run

    parser = argparse.ArgumentParser(
        prog="facteur", description="E-invoicing for French and Belgian companies."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run.add_commands(commands)
    demo.add_commands(commands)
    operate.add_commands(commands)
    health.add_commands(commands)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except LookupError as error:
        return _said(error, 2)
    except ValueError as error:
        if (missing := _settings_wanted(error)) is None:
            raise
        return _said(missing, 2)
    except OSError as error:
        return _said(f"{error}; is what it talks to running?", 1)
    except Exception as error:
        if (words := _said_by_a_server(error)) is None:
            raise
        return _said(words, 1)
    return status


def _said(what: object, status: int) -> int:
    print(f"facteur: {what}", file=sys.stderr)
    return status


def _settings_wanted(error: ValueError) -> str | None:
    """The settings that are missing or wrong, by the names an operator sets; None for another error."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or not error.title.endswith("Settings"):
        return None
    prefix = {"KafkaSettings": "FACTEUR_KAFKA_"}.get(
        error.title, f"{error.title.removesuffix('Settings').upper()}_"
    )
    named = [
        f"{prefix}{'__'.join(map(str, e['loc'])).upper()}: {e['msg'].lower()}"
        for e in error.errors(include_input=False, include_url=False)
    ]
    return "settings are missing or wrong (environment, or files in FACTEUR_SECRETS_DIR): " + (
        "; ".join(named)
    )


def _said_by_a_server(error: Exception) -> str | None:
    """What the database, the broker or one of our own refusals said; None for anything else."""
    from aiokafka.errors import KafkaError
    from asyncpg import PostgresError

    from shared.problems import Problem

    if isinstance(error, Problem):
        return f"{error.title}: {error.detail}"
    if isinstance(error, KafkaError):
        return f"the broker: {error}"
    return f"the database: {error}" if isinstance(error, PostgresError) else None


if __name__ == "__main__":
    sys.exit(main())
