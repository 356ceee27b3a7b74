"""Parts of the suite that need more than Python: used where present, skipped in plain sight elsewhere."""

import os

import pytest


def need(present: object, reason: str) -> None:
    """Skip the test with `reason` unless `present` is truthy; FACTEUR_REQUIRE_ALL=1 makes the skip a failure."""
    if present:
        return
    if os.environ.get("FACTEUR_REQUIRE_ALL") == "1":
        pytest.fail(f"everything is required here, but: {reason}", pytrace=False)
    pytest.skip(reason)
