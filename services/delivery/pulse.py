"""Whether a worker's loops still turn: each tells so, and the worker's sign of life is only left if all do."""

import time
from dataclasses import dataclass, field

SILENT_SECONDS = 90.0
"""More than any turn takes, the database's own limits of time included."""


@dataclass
class Pulse:
    """The last beat of each loop that ever began."""

    _beats: dict[str, float] = field(default_factory=dict)

    def beat(self, name: str) -> None:
        """This loop has turned."""
        self._beats[name] = time.monotonic()

    def problem(self) -> str:
        """Which loops are silent; empty when all turn."""
        now = time.monotonic()
        silent = {n: now - at for n, at in self._beats.items() if now - at > SILENT_SECONDS}
        return "; ".join(f"{name}: silent for {age:.0f} s" for name, age in silent.items())
