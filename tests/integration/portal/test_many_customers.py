"""A company with more customers than a list shows can invoice each of them."""

import asyncio
from uuid import uuid4

from tests.integration.portal.conftest import pages_of
from tests.platform import BUYER, PRODUCT, Platform


async def test_whoever_is_beyond_the_list_is_found_and_invoiced(running: Platform) -> None:
    biller = await running.biller()
    billing, last = biller.at("billing"), uuid4()
    names = {uuid4(): f"Client {n:03}" for n in range(200)} | {last: "Zythologue"}
    for batch in (list(names)[n : n + 20] for n in range(0, len(names), 20)):
        made = await asyncio.gather(*(
            billing.put(f"/v1/customers/{id_}", json={**BUYER, "name": names[id_]}) for id_ in batch
        ))  # fmt: skip
        assert {answer.status_code for answer in made} == {200}
    pages = await pages_of(running, biller)
    listed = (await pages.get("/customers")).text
    assert ("Zythologue" in listed, "The first 200 by name" in listed) == (False, True)
    found = (await pages.get("/customers?q=zyth")).text
    assert (f"/invoices/new?customer_id={last}" in found, "first 200" in found) == (True, False)
    plain = (await pages.get("/invoices/new")).text
    assert ("Zythologue" in plain, "first 200 customers" in plain) == (False, True)
    form = (await pages.get(f"/invoices/new?customer_id={last}")).text
    assert f'<option value="{last}" selected>Zythologue</option>' in form
    for unknown in (uuid4(), "nobody"):
        refused = await pages.get(f"/invoices/new?customer_id={unknown}")
        assert (refused.status_code, " selected>" in refused.text.split("due_date")[0]) == (
            200,
            False,
        )
    draft = uuid4()
    kept = await pages.post(
        f"/drafts/{draft}", action="save", customer_id=str(last), line_name="x", line_quantity="1",
        line_unit="C62", line_price="5", line_vat="S:21",
    )  # fmt: skip
    assert kept.status_code == 303
    assert "Zythologue" in (await pages.get(f"/drafts/{draft}")).text


async def test_a_line_from_the_catalogue_carries_number_and_description(running: Platform) -> None:
    biller = await running.biller()
    product, customer, draft = uuid4(), uuid4(), uuid4()
    sold = {**PRODUCT, "number": "B-1", "description": "consignée"}
    billing = biller.at("billing")
    assert (await billing.put(f"/v1/products/{product}", json=sold)).status_code == 200
    assert (await billing.put(f"/v1/customers/{customer}", json=BUYER)).status_code == 200
    pages = await pages_of(running, biller)
    line = {
        "line_name": "",
        "line_quantity": "1",
        "line_unit": "C62",
        "line_price": "",
        "line_vat": "S:21",
    }
    form = await pages.post(
        f"/drafts/{draft}",
        action="product",
        product_id=str(product),
        customer_id=str(customer),
        **line,
    )
    assert form.status_code == 200
    assert form.text.count('name="line_name"') == 1  # the empty line gave way
    unknown = await pages.post(
        f"/drafts/{draft}", action="product", product_id=str(uuid4()), **line
    )
    assert (unknown.status_code, unknown.text.count('name="line_name"')) == (200, 1)
    typed = {
        "line_name": sold["name"], "line_quantity": "3", "line_unit": "C62", "line_price": "50.00",
        "line_vat": "S:21", "line_number": "B-1", "line_description": "consignée",
    }  # fmt: skip
    for name, value in typed.items():
        if name != "line_quantity":
            assert f'name="{name}" value="{value}"' in form.text or name in (
                "line_unit",
                "line_vat",
            )
    kept = await pages.post(f"/drafts/{draft}", action="save", customer_id=str(customer), **typed)
    assert kept.status_code == 303
    stored = (await billing.get(f"/v1/drafts/{draft}")).json()["content"]["lines"][0]
    assert stored["item"] == {
        "name": sold["name"], "seller_identifier": "B-1", "description": "consignée",
        "classifications": [], "attributes": [],
    }  # fmt: skip
    assert stored["quantity"] == "3"
