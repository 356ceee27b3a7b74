"""How a customer receives, between the form and delivery's API."""

import re
from typing import Any

from services.portal.web.visitor import Visitor

CHANNELS = ("email", "peppol", "sftp", "ftps")
SECRET_NAMES = ("sftp", "ftps")


def ways_of(visitor: Visitor) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The ways that are ticked, as the API wants them, and all values, to fill the form again."""
    values: dict[str, Any] = {c: {"on": visitor.field(f"{c}.on") == "on"} for c in CHANNELS}
    values["email"]["to"] = visitor.field("email.to")
    values["peppol"]["participant"] = visitor.field("peppol.participant")
    for channel in SECRET_NAMES:
        for name in ("host", "port", "user", "folder"):
            values[channel][name] = visitor.field(f"{channel}.{name}")
        values[channel]["has_password"] = visitor.field(f"{channel}.has_password") == "1"
    values["sftp"]["host_key"] = visitor.field("sftp.host_key")
    if kept := visitor.field("sftp.public_key"):
        fingerprint = visitor.field("sftp.fingerprint")
        values["sftp"]["public_key"] = {"openssh": kept, "fingerprint": fingerprint}
    values["ftps"]["ca"] = visitor.field("ftps.ca")
    chosen = [
        _way(visitor, channel, values[channel]) for channel in CHANNELS if values[channel]["on"]
    ]
    return chosen, values


def shown_ways(ways: list[dict[str, Any]]) -> dict[str, Any]:
    """The API's ways as values of the form; secrets are never among them."""
    values: dict[str, Any] = {}
    for way in ways:
        kept = {name: way[name] for name in ("has_password", "public_key")}
        shown = {**way["settings"], "on": True, **kept}
        if way["channel"] == "email":
            shown["to"] = ", ".join(way["settings"].get("to", []))
        values[way["channel"]] = shown
    return values


def _way(visitor: Visitor, channel: str, values: dict[str, Any]) -> dict[str, Any]:
    if channel == "email":
        addresses = [a for a in re.split(r"[,;\s]+", values["to"]) if a]
        return {"channel": channel, "settings": {"to": addresses}}
    if channel == "peppol":
        return {"channel": channel, "settings": {"participant": values["participant"]}}
    names = ("host", "port", "user", "folder", "host_key", "ca")
    settings = {name: values[name] for name in names if values.get(name)}
    way: dict[str, Any] = {"channel": channel, "settings": settings}
    # typed as it is, spaces included; left empty, the one that is stored stays
    if password := str(visitor.form.get(f"{channel}.password", "")):
        way["password"] = password
    if channel == "sftp" and (private_key := visitor.field("sftp.private_key")):
        way["private_key"] = private_key
    return way
