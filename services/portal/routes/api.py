"""The portal's own API: facturation of companies."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.portal.commands import activation
from services.portal.context import Context, context
from services.portal.domain.activation import INVOICING_OPTION, Member, Situation
from shared.callers import Caller

router = APIRouter(prefix="/api/v1", tags=["portal"])

Ctx = Annotated[Context, Depends(context)]


class Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    enabled: bool
    profile_ids: Annotated[list[UUID], Field(max_length=100)]


class Confirmation(Change):
    preview: Annotated[str, Field(max_length=64)]
    """The token that the preview gave."""


def situation_view(situation: Situation) -> dict[str, Any]:
    """A company's portal as the API shows it."""
    return {
        "company_id": str(situation.company_id),
        "name": situation.name,
        "subscribed": INVOICING_OPTION in situation.options,
        "missing_legal_fields": list(situation.missing_legal_fields),
        "users": sum(not m.external for m in situation.members),
        "profiles": [
            {"profile_id": str(p), "name": name, "has_access": p in situation.profile_ids}
            for p, name in situation.profiles.items()
        ],
        "billing": {"enabled": situation.enabled, "version": situation.version},
    }


def member_view(member: Member) -> dict[str, str]:
    """A user concerned."""
    return {"user_id": str(member.user_id), "name": member.name, "email": member.email}


@router.get("/companies/{company_id}/portal")
async def get_portal(company_id: UUID, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """A company's portal, for those who may administer it."""
    return situation_view(await activation.look(ctx.db, caller, company_id))


@router.post("/companies/{company_id}/portal/billing/preview")
async def preview_billing(
    company_id: UUID, body: Change, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Who gains and loses access by a change; nothing is changed."""
    found = await activation.preview(
        ctx.db, caller, company_id, enabled=body.enabled, profile_ids=body.profile_ids
    )
    return {
        "gains": [member_view(m) for m in found.effect.gains],
        "loses": [member_view(m) for m in found.effect.loses],
        "keeps": [member_view(m) for m in found.effect.keeps],
        "preview": found.token,
    }


@router.put("/companies/{company_id}/portal/billing")
async def put_billing(
    company_id: UUID, body: Confirmation, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Confirm a preview."""
    situation = await activation.change_billing(
        ctx.db,
        caller,
        company_id,
        enabled=body.enabled,
        profile_ids=body.profile_ids,
        token=body.preview,
        clock=ctx.clock,
    )
    ctx.changed()
    return situation_view(situation)
