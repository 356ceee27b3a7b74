"""Customers: whom one invoices."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr, Field

from services.billing.store import customers
from services.billing.store.customers import CustomerRow
from shared import outbox
from shared.access.guard import Principal
from shared.clock import Clock
from shared.contracts.billing import CustomerChanged
from shared.contracts.identity import Address
from shared.database import Connection, Database
from shared.events import Actor
from shared.problems import Conflict, Invalid, NotFound


class CustomerState(BaseModel):
    """What is known of a customer (BG-7)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200, description="BT-44")
    registration_number: str = Field(
        "", max_length=40, description="BT-47: SIREN, SIRET or BE number"
    )
    vat_number: str = Field("", max_length=20, description="BT-48")
    address: Address
    email: EmailStr | None = None
    language: str = Field("fr", pattern="^(fr|nl|en)$")
    peppol_id: str = Field("", max_length=60, description="BT-49 as scheme:value")


async def create_customer(
    db: Database, caller: Principal, customer_id: UUID, state: CustomerState, clock: Clock
) -> CustomerRow:
    """Create under the client's own id; the same request twice gives one customer."""
    check_customer(state)
    row = CustomerRow(
        customer_id, caller.company_id, state.model_dump(mode="json"), active=True, version=1
    )
    async with db.transaction(caller.company_id) as conn:
        if not await customers.add(conn, row, clock()):
            known = await customers.get(conn, caller.company_id, customer_id)
            if known is None or known.state != row.state:
                raise Conflict("A customer with this id is there already, with other content.")
            return known
        await _announce(conn, row, caller.actor)
    return row


async def change_customer(
    db: Database, caller: Principal, customer_id: UUID, state: CustomerState, version: int | None
) -> CustomerRow:
    """Replace the state; Conflict when `version` isn't the one that was seen."""
    check_customer(state)
    async with db.transaction(caller.company_id) as conn:
        row = await customers.lock(conn, caller.company_id, customer_id)
        if row is None:
            raise NotFound
        if version is not None and version != row.version:
            raise Conflict
        changed = replace(row, state=state.model_dump(mode="json"), version=row.version + 1)
        await customers.save(conn, changed)
        await _announce(conn, changed, caller.actor)
    return changed


async def _announce(conn: Connection, row: CustomerRow, actor: Actor) -> None:
    state: dict[str, Any] = {k: v for k, v in row.state.items() if k != "email"}
    event = CustomerChanged(
        customer_id=row.customer_id, company_id=row.company_id, active=row.active, **state
    )
    await outbox.append(conn, event, actor=actor, aggregate_version=row.version)


def check_customer(state: CustomerState) -> None:
    """Check digits of what is filled in, and what EN 16931 can't do without."""
    from stdnum.be import vat as be_vat
    from stdnum.fr import siren, siret, tva

    country, wrong = state.address.country, {}
    if not country:
        wrong["address.country"] = "must be filled in (BT-55)"
    number = state.registration_number.replace(" ", "").replace(".", "")
    if number and country == "FR" and not (siren.is_valid(number) or siret.is_valid(number)):
        wrong["registration_number"] = "is not a SIREN or SIRET: check the digits (BT-47)"
    if number and country == "BE" and not be_vat.is_valid(number):
        wrong["registration_number"] = (
            "is not a Belgian enterprise number: check the digits (BT-47)"
        )
    vat = state.vat_number.replace(" ", "").replace(".", "")
    checks = {"FR": tva.is_valid, "BE": be_vat.is_valid}
    if vat and country in checks and not checks[country](vat):
        wrong["vat_number"] = "is not a VAT number of that country: check the digits (BT-48)"
    if state.peppol_id and ":" not in state.peppol_id:
        wrong["peppol_id"] = "must be written scheme:value, such as 0208:0403170701 (BT-49)"
    if wrong:
        raise Invalid(errors=[{"field": f, "message": m} for f, m in wrong.items()])
