"""What logs and traces tell of a path: its ids, and no secret of a link."""

import secrets
from uuid import uuid4

from shared.logs import told_path


def test_ids_are_told_and_secrets_of_links_arent() -> None:
    company = uuid4()
    assert told_path(f"/companies/{company}/users") == f"/companies/{company}/users"
    for way in ("/invitation", "/sign-up/confirm"):
        assert told_path(f"{way}/{secrets.token_urlsafe(32)}") == f"{way}/…"
