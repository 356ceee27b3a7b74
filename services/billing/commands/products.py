"""Products: what one sells, written once and put on documents (BG-31)."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from asyncpg import UniqueViolationError
from pydantic import BaseModel, ConfigDict, Field

from services.billing.domain.errors import ProductNumberInUse
from services.billing.store import products
from services.billing.store.products import ProductRow
from shared import outbox
from shared.access.guard import Principal
from shared.clock import Clock
from shared.contracts.billing import ProductChanged
from shared.database import Connection, Database
from shared.einvoice.lines import Vat
from shared.einvoice.terms import Code, Number, Text
from shared.events import Actor
from shared.problems import Conflict, Invalid, NotFound

CATEGORIES = frozenset({"S", "Z", "E", "AE", "K", "G", "O", "L", "M"})
"""UNCL 5305, as far as EN 16931 knows it."""
WITH_RATE = frozenset({"S", "L", "M"})


class ProductState(BaseModel):
    """What is known of a product (BG-31), and what a document's line with it begins with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text = Field(max_length=200, description="BT-153")
    description: Text | None = Field(None, max_length=2000, description="BT-154")
    number: Code | None = Field(None, max_length=60, description="BT-155: one's own number for it")
    unit: str = Field("C62", pattern=r"^[A-Z0-9]{2,3}$", description="BT-130")
    price: Number = Field(ge=0, description="BT-146: net price of one unit, without VAT, in EUR")
    vat: Vat = Field(description="BT-151 and BT-152")


async def create_product(
    db: Database, caller: Principal, product_id: UUID, state: ProductState, clock: Clock
) -> ProductRow:
    """Create under the client's own id; the same request twice gives one product."""
    check_product(state)
    row = ProductRow(
        product_id, caller.company_id, state.model_dump(mode="json"), active=True, version=1
    )
    try:
        async with db.transaction(caller.company_id) as conn:
            if not await products.add(conn, row, clock()):
                known = await products.get(conn, caller.company_id, product_id)
                if known is None or known.state != row.state:
                    raise Conflict("A product with this id is there already, with other content.")
                return known
            await _announce(conn, row, caller.actor)
    except UniqueViolationError as error:
        raise ProductNumberInUse from error
    return row


async def change_product(
    db: Database, caller: Principal, product_id: UUID, state: ProductState, version: int
) -> ProductRow:
    """Replace the state, also of one taken away, which is back then; Conflict when `version` isn't the
    one that was seen."""
    check_product(state)
    try:
        return await _write(db, caller, product_id, state, version)
    except UniqueViolationError as error:
        raise ProductNumberInUse from error


async def remove_product(db: Database, caller: Principal, product_id: UUID) -> None:
    """Take a product out of the catalogue; documents keep what they say. Twice is once."""
    async with db.transaction(caller.company_id) as conn:
        row = await products.lock(conn, caller.company_id, product_id)
        if row is None:
            raise NotFound
        if row.active:
            removed = replace(row, active=False, version=row.version + 1)
            await products.save(conn, removed)
            await _announce(conn, removed, caller.actor)


async def _write(
    db: Database, caller: Principal, product_id: UUID, state: ProductState, version: int
) -> ProductRow:
    async with db.transaction(caller.company_id) as conn:
        row = await products.lock(conn, caller.company_id, product_id)
        if row is None:
            raise NotFound
        if version != row.version:
            raise Conflict
        stored = state.model_dump(mode="json")
        changed = replace(row, state=stored, active=True, version=row.version + 1)
        await products.save(conn, changed)
        await _announce(conn, changed, caller.actor)
    return changed


async def _announce(conn: Connection, row: ProductRow, actor: Actor) -> None:
    vat = row.state["vat"]
    event = ProductChanged(
        product_id=row.product_id,
        company_id=row.company_id,
        active=row.active,
        vat_category=vat["category"],
        vat_rate=vat["rate"],
        **{k: v for k, v in row.state.items() if k != "vat"},
    )
    await outbox.append(conn, event, actor=actor, aggregate_version=row.version)


def check_product(state: ProductState) -> None:
    """A rate where the category has one (BR-S-05), none or zero elsewhere (BR-Z-05, BR-E-05, …)."""
    category, rate = state.vat.category, state.vat.rate
    if category not in CATEGORIES:
        raise _wrong("vat.category", "is not a VAT category: S, Z, E, AE, K, G, O, L or M (BT-151)")
    if category in WITH_RATE and (rate is None or not Decimal(0) < rate <= 100):
        raise _wrong("vat.rate", "must be a rate above 0, in per cent (BT-152)")
    if category not in WITH_RATE and rate:
        raise _wrong("vat.rate", f"must be 0 in category {category} (BT-152)")


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(errors=[{"field": field, "message": message}])
