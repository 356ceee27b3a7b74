"""Where the embedded mode keeps what it downloads and what it must remember."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def cache_dir() -> Path:
    """Downloads that can be made anew (FACTEUR_CACHE, else `.cache` in the checkout)."""
    return Path(os.environ.get("FACTEUR_CACHE") or CHECKOUT / ".cache")


def state_dir() -> Path:
    """Databases, topics, mail, keys and logs (FACTEUR_STATE, else `.facteur` in the checkout)."""
    return Path(os.environ.get("FACTEUR_STATE") or CHECKOUT / ".facteur")
