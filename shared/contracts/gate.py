"""The gate in `make check`: published contracts may only grow. `--publish` writes what is new.

Published are, one a topic, the JSON Schema and a golden example (docs/contracts/), and the
AsyncAPI document of the public topics (docs/asyncapi.json).
"""

import json
import sys
from pathlib import Path
from typing import Any

from shared.contracts.compatibility import breaking_changes
from shared.contracts.registry import CONTRACTS
from shared.contracts.schemas import asyncapi, schema_of

ROOT = Path(__file__).parents[2] / "docs"
FOLDER = ROOT / "contracts"


def path_of(topic: str, version: int) -> Path:
    """Where the schema of a version of a topic is published."""
    return FOLDER / f"{topic}.v{version}.schema.json"


def problems() -> list[str]:
    """Why the build must fail; empty: compatible and published."""
    found = []
    for topic, kind in CONTRACTS.items():
        path = path_of(topic, kind.version)
        if not path.exists():
            found.append(f"{topic}: version {kind.version} is not published")
            continue
        published = json.loads(path.read_text("utf-8"))
        broken = breaking_changes(published, schema_of(kind))
        found += [f"{topic}: {change}" for change in broken]
        if not broken and published != schema_of(kind):
            found.append(f"{topic}: has grown, and the published schema has not")
    known = {path_of(t, k.version) for t, k in CONTRACTS.items()}
    found += [
        f"{p.name}: published, but no contract any more"
        for p in FOLDER.glob("*.schema.json")
        if p not in known and ".v" in p.name and p.name.partition(".v")[0] not in CONTRACTS
    ]
    document = ROOT / "asyncapi.json"
    if not document.exists() or json.loads(document.read_text("utf-8")) != _plain(asyncapi()):
        found.append("docs/asyncapi.json is not what the contracts say")
    return found


def publish() -> list[str]:
    """Write what has grown; breaking changes are refused and returned."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    refused = []
    for topic, kind in CONTRACTS.items():
        path = path_of(topic, kind.version)
        if path.exists():
            broken = breaking_changes(json.loads(path.read_text("utf-8")), schema_of(kind))
            refused += [f"{topic}: {change}" for change in broken]
        if not refused:
            _write(path, schema_of(kind))
    if not refused:
        _write(ROOT / "asyncapi.json", asyncapi())
    return refused


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _plain(content: Any) -> Any:
    return json.loads(json.dumps(content))


def main() -> int:
    """0 when compatible; else print each problem and what to do."""
    found = publish() if "--publish" in sys.argv[1:] else problems()
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        print(
            "A breaking change needs a new topic. What has only grown is published with "
            "`python -m shared.contracts.gate --publish`.",
            file=sys.stderr,
        )
    else:
        print(f"{len(CONTRACTS)} contracts are compatible and published")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
