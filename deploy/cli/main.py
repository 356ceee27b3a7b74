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
        print(f"facteur: {error}", file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
