"""The catalogue: what a company sells, written once."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.alone import Caller
from tests.integration.billing.conftest import Billing

BEER: dict[str, Any] = {
    "name": "Bière blonde, fût de 20 l", "description": "consignée", "number": "FUT-20", "unit": "C62",
    "price": "74.50", "vat": {"category": "S", "rate": "21"},
}  # fmt: skip


async def put(
    billing: Billing,
    product_id: str,
    caller: Caller | None = None,
    version: int = 0,
    **changed: Any,
) -> httpx.Response:
    headers = {
        **(caller or billing.caller).headers,
        **({"If-Match": str(version)} if version else {}),
    }
    path = f"/v1/products/{product_id}"
    return await billing.client.put(path, json=BEER | changed, headers=headers)


async def listed(billing: Billing, q: str = "", caller: Caller | None = None) -> list[str]:
    headers = (caller or billing.caller).headers
    found = await billing.client.get("/v1/products", params={"q": q}, headers=headers)
    assert found.status_code == 200, found.text
    return [product["name"] for product in found.json()]


async def test_a_product_is_made_once_however_often_it_is_sent(billing: Billing) -> None:
    product = str(uuid4())
    answers = await asyncio.gather(*(put(billing, product) for _ in range(5)))
    assert {a.status_code for a in answers} == {200}
    assert answers[0].json() == {"product_id": product, **BEER, "active": True, "version": 1}
    assert await billing.announced("product.changed") == 1
    assert (await put(billing, product, price="80")).status_code == 409
    assert await listed(billing, "fût-20") == []
    assert await listed(billing, "fut-20") == await listed(billing, "BLONDE") == [BEER["name"]]


async def test_a_change_is_made_on_what_was_seen(billing: Billing) -> None:
    product = str(uuid4())
    await put(billing, product)
    changed = await put(billing, product, version=1, price="80.0125")
    assert (changed.json()["price"], changed.json()["version"]) == ("80.0125", 2)
    assert (await put(billing, product, version=1, price="90")).status_code == 409
    assert (await put(billing, str(uuid4()), version=1)).status_code == 404
    assert await billing.announced("product.changed") == 2


async def test_a_number_is_one_product_s(billing: Billing) -> None:
    """Also at once; until that one is gone. Products without a number are as many as one likes."""
    first, second = str(uuid4()), str(uuid4())
    answers = await asyncio.gather(*(put(billing, p) for p in (first, second)))
    assert sorted(a.status_code for a in answers) == [200, 409]
    refused = next(a for a in answers if a.status_code == 409).json()
    assert refused["type"].endswith("product-number-in-use")
    for _ in range(2):
        assert (await put(billing, str(uuid4()), number=None)).status_code == 200
    headers, kept = billing.caller.headers, first if answers[0].status_code == 200 else second
    for _ in range(2):
        gone = await billing.client.delete(f"/v1/products/{kept}", headers=headers)
        assert gone.status_code == 204
    another = str(uuid4())
    assert (await put(billing, another)).status_code == 200
    back = await put(billing, kept, version=2)
    assert (back.status_code, back.json()["type"][-21:]) == (409, "product-number-in-use")
    back = await put(billing, kept, version=2, number="FUT-20 b")
    assert (back.status_code, back.json()["active"]) == (200, True)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"price": "-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"unit": "pièce"}, "unit"),
        ({"vat": {"category": "X", "rate": "21"}}, "vat.category"),
        ({"vat": {"category": "S", "rate": "0"}}, "vat.rate"),
        ({"vat": {"category": "S"}}, "vat.rate"),
        ({"vat": {"category": "E", "rate": "21"}}, "vat.rate"),
        ({"name": "bi\u0000ere"}, "name"),
        ({"colour": "blonde"}, "colour"),
    ],
)
async def test_what_is_wrong_is_named(
    billing: Billing, changed: dict[str, Any], field: str
) -> None:
    refused = await put(billing, str(uuid4()), **changed)
    assert refused.status_code == 422, refused.text
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert (await listed(billing), await billing.announced("product.changed")) == ([], 0)


async def test_another_company_s_products_are_not_there(billing: Billing) -> None:
    product = str(uuid4())
    await put(billing, product)
    headers = billing.other.headers
    for method in ("GET", "DELETE"):
        answer = await billing.client.request(method, f"/v1/products/{product}", headers=headers)
        assert answer.status_code == 404
    assert (await put(billing, product, billing.other, version=1)).status_code == 404
    assert (await put(billing, product, billing.other)).status_code == 409  # the id is taken
    assert await listed(billing, caller=billing.other) == []
    assert await listed(billing) == [BEER["name"]]
    # the same number, in another company
    assert (await put(billing, str(uuid4()), billing.other)).status_code == 200
