"""Links in letters lead to the portal's address, whatever name a request says that we have."""

import re
from uuid import uuid4

import pytest

from tests.integration.identity.conftest import Identity


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded"])
async def test_a_letter_never_leads_where_a_request_says(identity: Identity, header: str) -> None:
    owner = await identity.register()
    email = f"{uuid4().hex}@example.org"
    value = "host=evil.example" if header == "Forwarded" else "evil.example"
    invited = await identity.client.post(
        f"/v1/companies/{owner.company_id}/users",
        headers={**owner.bearer, header: value, "Origin": "https://evil.example"},
        json={"email": email, "first_name": "Luc", "last_name": "Petit", "role": "employee"},
    )
    assert invited.status_code == 201, invited.text
    text = (await identity.letter(email)).get_content()
    assert "evil.example" not in text
    assert re.findall(r"https?://[^/\s]+", text) == ["http://127.0.0.1:8000"]
