"""What is written before an invoice can be issued: customer, reception settings, series, draft."""

from datetime import date, timedelta
from typing import Any

from deploy.demo.people import Person, stable_id
from deploy.local.stack import FILE_PASSWORD, FILE_USER, Stack


async def customer(
    stack: Stack, channels: tuple[str, ...], person: Person, state: dict[str, Any]
) -> str:
    """The customer's id; it is made, and its ways to receive are set, where that isn't so yet."""
    customer_id = stable_id(person.company_id, state["name"])
    ways = [_way(stack, channel, state) for channel in channels]
    await person.ask("delivery", "PUT", f"/v1/receptions/{customer_id}", json={"ways": ways})
    known = await person.call("billing", "GET", f"/v1/customers/{customer_id}")
    if not known.is_success:
        await person.ask("billing", "PUT", f"/v1/customers/{customer_id}", json=state)
    return customer_id


def _way(stack: Stack, channel: str, state: dict[str, Any]) -> dict[str, Any]:
    if channel == "email":
        return {"channel": channel, "settings": {"to": [state["email"]]}}
    if channel == "peppol":
        return {"channel": channel, "settings": {"participant": state["peppol_id"]}}
    server: dict[str, Any] = {
        "host": "127.0.0.1",
        "user": FILE_USER,
        "port": stack.ports[channel],
    }
    if channel == "sftp":
        server["host_key"] = stack.sftp_host_key
    else:
        server |= {"host": "localhost", "ca": stack.tls_authority}
    return {"channel": channel, "settings": server, "password": FILE_PASSWORD}


async def draft(person: Person, customer_id: str, lines: list[dict[str, Any]], key: str) -> str:
    """A draft's id: these lines, due in thirty days; the same `key` makes the same draft."""
    due = date.today() + timedelta(days=30)  # noqa: DTZ011 — a due date, in the demo
    content = {"due_date": due.isoformat(), "buyer_reference": "PO 4711", "lines": lines}
    body = {
        "draft_id": stable_id(person.company_id, key),
        "customer_id": customer_id,
        "content": content,
    }
    made = await person.ask("billing", "POST", "/v1/drafts", json=body)
    return str(made["draft_id"])


async def series(person: Person, prefix: str) -> str:
    """The id of the company's series with this prefix, made where there is none."""
    for known in await person.ask("billing", "GET", "/v1/series"):
        if known["prefix"] == prefix:
            return str(known["series_id"])
    made = await person.ask("billing", "POST", "/v1/series", json={"prefix": prefix})
    return str(made["series_id"])


def line(name: str, quantity: str, price: str, rate: str, unit: str = "C62") -> dict[str, Any]:
    """An invoice line at a net price, standard rated."""
    return {
        "quantity": quantity,
        "unit": unit,
        "price": {"net": price},
        "vat": {"category": "S", "rate": rate},
        "item": {"name": name},
    }
