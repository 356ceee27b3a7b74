"""How a customer wants to receive: any of e-mail, SFTP, FTPS and Peppol; none is refused (L1)."""

from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.delivery.channels.registry import public_half, route_model
from services.delivery.commands.plan import plan_waiting
from services.delivery.domain.secrets import packed
from services.delivery.store import plans, receptions
from services.delivery.store.receptions import WayRow
from shared import outbox
from shared.access.guard import AppOff, Principal
from shared.clock import Clock
from shared.contracts.delivery import ChannelName, ReceptionChanged, Way
from shared.database import Database
from shared.ids import new_id
from shared.problems import Invalid, NotFound
from shared.secretbox import SecretBox


class WayBody(BaseModel):
    """One way: the channel, its settings, and what is secret of them (never shown again)."""

    model_config = ConfigDict(extra="forbid")

    channel: ChannelName
    settings: dict[str, Any]
    password: Annotated[str, Field(max_length=4000)] | None = None
    private_key: Annotated[str, Field(max_length=20_000)] | None = None
    """For SFTP: without passphrase, in OpenSSH's format or PEM. Its public half is shown, the key never.

    Where neither password nor key is given, those that are kept stay; else what is given takes their place.
    """


class ReceptionBody(BaseModel):
    """All ways of one customer."""

    model_config = ConfigDict(extra="forbid")

    ways: Annotated[list[WayBody], Field(max_length=8)]


class NoWay(Invalid):
    """Choose at least one way to receive: e-mail, SFTP, FTPS or Peppol."""

    slug, title = "no-way", "No way to receive"


async def set_reception(
    db: Database,
    box: SecretBox,
    caller: Principal,
    customer_id: UUID,
    body: ReceptionBody,
    clock: Clock,
) -> list[WayRow]:
    """Replace a customer's ways; affects what is issued from now on, and what waited for them. Who
    doesn't use the app PEPPOL sets no such way, and leaves the one that is there (P7)."""
    peppol = "peppol" in caller.apps
    if not peppol and any(way.channel == "peppol" for way in body.ways):
        raise AppOff(app="peppol")
    async with db.transaction(caller.company_id) as conn:
        await plans.hold_reception(conn, customer_id, alone=True)
        version = await receptions.version(conn, caller.company_id, customer_id)
        known = await receptions.ways(conn, caller.company_id, customer_id)
        rows = [
            _row(box, caller.company_id, customer_id, w, n, known) for n, w in enumerate(body.ways)
        ]
        rows += [way for way in known if way.channel == "peppol" and not peppol]
        if not rows:
            raise NoWay(errors=[{"field": "ways", "message": NoWay.__doc__}])
        created = await receptions.save(conn, caller.company_id, customer_id, (version or 0) + 1)
        if version is None and not created:
            raise NotFound
        await receptions.clear(conn, caller.company_id, customer_id)
        for row in rows:
            await receptions.add(conn, row)
        event = ReceptionChanged(
            customer_id=customer_id,
            company_id=caller.company_id,
            ways=[Way.model_validate({"channel": r.channel, "target": r.target}) for r in rows],
        )
        await outbox.append(conn, event, actor=caller.actor, aggregate_version=(version or 0) + 1)
        await plan_waiting(conn, caller.company_id, customer_id, clock())
    return rows


def _row(
    box: SecretBox,
    company_id: UUID,
    customer_id: UUID,
    way: WayBody,
    position: int,
    known: list[WayRow],
) -> WayRow:
    model = route_model(way.channel)
    try:
        route = model.model_validate(way.settings)
    except ValidationError as error:
        raise Invalid(errors=_errors(error, position)) from error
    settings = route.model_dump(mode="json", exclude_none=True)
    target, endpoint = described(way.channel, settings)
    bare = WayRow(
        new_id(), customer_id, company_id, way.channel, target, endpoint, settings, secrets=None
    )
    given = {
        name: value
        for name, value in (("password", way.password), ("private_key", _key(way)))
        if value is not None
    }
    if given:
        public_key = _public_half(way, position)
        sealed = box.seal(packed(given), bare.way_id)
        return replace(
            bare, secrets=sealed, has_password="password" in given, public_key=public_key
        )
    return _with_kept(box, bare, known)


def _key(way: WayBody) -> str | None:
    """With the line ends of a file, whatever a form made of them."""
    return None if way.private_key is None else way.private_key.replace("\r\n", "\n").strip() + "\n"


def _public_half(way: WayBody, position: int) -> str | None:
    private_key, field = _key(way), f"ways.{position}.private_key"
    if private_key is None:
        return None
    if way.channel != "sftp":
        raise Invalid(errors=[{"field": field, "message": "only SFTP signs in by a key"}])
    try:
        return public_half(private_key)
    except ValueError as error:
        raise Invalid(errors=[{"field": field, "message": str(error)}]) from error


def _with_kept(box: SecretBox, row: WayRow, known: list[WayRow]) -> WayRow:
    """The way with the secrets of the one whose place it takes."""
    for old in known:
        if (old.channel, old.target) == (row.channel, row.target) and old.secrets is not None:
            sealed = box.seal(box.open(old.secrets, old.way_id), row.way_id)
            return replace(
                row, secrets=sealed, has_password=old.has_password, public_key=old.public_key
            )
    return row


def described(
    channel: Literal["email", "sftp", "ftps", "peppol"], settings: dict[str, Any]
) -> tuple[str, str]:
    """By what a person recognises the way, and whose failures count together."""
    if channel == "email":
        first = settings["to"][0]
        return ", ".join(settings["to"]), f"email:{first.rpartition('@')[2].lower()}"
    if channel == "peppol":
        return settings["participant"], f"peppol:{settings['participant']}"
    host = f"{settings['host']}:{settings['port']}"
    return (
        f"{settings['user']}@{host}{_slashed(settings.get('folder', ''))}",
        f"{channel}:{host}",
    )


def _slashed(folder: str) -> str:
    return folder if folder.startswith("/") or not folder else f"/{folder}"


def _errors(error: ValidationError, position: int) -> list[dict[str, str]]:
    return [
        {
            "field": f"ways.{position}.settings." + ".".join(str(p) for p in e["loc"]),
            "message": e["msg"],
        }
        for e in error.errors(include_url=False, include_input=False)
    ]
