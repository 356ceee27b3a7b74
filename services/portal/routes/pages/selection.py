"""Which companies an action is for: those that were ticked, or all that match a filter."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query

from services.portal.commands import deployment
from services.portal.store.companies import STATES, CompanyFilter
from services.portal.web.visitor import Visitor
from shared.problems import Invalid

TICKED = 100
"""At most; a page of the list has no more."""


@dataclass(frozen=True)
class Selection:
    """What the address (or the form) of a page says."""

    companies: tuple[UUID, ...]
    all: CompanyFilter | None = None

    def __bool__(self) -> bool:
        return bool(self.companies) or self.all is not None

    @property
    def fields(self) -> list[tuple[str, str]]:
        """As the fields of a form."""
        if self.all is not None:
            return [("all", "1"), ("q", self.all.text), ("state", self.all.state)]
        return [("company", str(c)) for c in self.companies]

    @property
    def query(self) -> str:
        """As the query of an address."""
        return urlencode(self.fields)

    async def ids(self, visitor: Visitor) -> list[UUID]:
        """The companies, by name; NotFound when one isn't the firm's to administer."""
        database = visitor.request.app.state.service.database
        return await deployment.select(database, visitor.me, self.companies, self.all)


def _chosen(
    company: Annotated[list[UUID], Query(max_length=TICKED)] = [],  # noqa: B006
    all_: Annotated[bool, Query(alias="all")] = False,
    q: Annotated[str, Query(max_length=100)] = "",
    state: str = "",
) -> Selection:
    return Selection((), _filter(q, state)) if all_ else Selection(tuple(dict.fromkeys(company)))


Chosen = Annotated[Selection, Depends(_chosen)]


def chosen_in_form(visitor: Visitor) -> Selection:
    """The same from a form that was sent."""
    if visitor.field("all"):
        return Selection((), _filter(visitor.field("q")[:100], visitor.field("state")))
    try:
        companies = tuple(UUID(c) for c in dict.fromkeys(visitor.fields("company")))
    except ValueError as error:
        raise Invalid from error
    if not 0 < len(companies) <= TICKED:
        raise Invalid
    return Selection(companies)


def _filter(text: str, state: str) -> CompanyFilter:
    return CompanyFilter(text, next((s for s in STATES if s == state), ""))
