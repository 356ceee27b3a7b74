"""What SFTP and FTPS share: the settings of a route, the file's name, and the pace of an upload.

An upload goes to `<name>.part`, its size is checked, then it is renamed: nobody who watches the
folder ever sees half a file under its final name. The name is the delivery's own, so an attempt
that is repeated replaces what the one before it left.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from services.delivery.domain.outcome import Delivered, Failed, Job, Refused, Unknown

_HOST = r"^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$"
_PLACEHOLDERS = {"number", "id", "seller", "kind"}
_EXTENSIONS = {"application/xml": ".xml", "text/xml": ".xml", "application/pdf": ".pdf"}


def _naming(value: str) -> str:
    used = set(re.findall(r"{([^{}]*)}", value))
    if unknown := used - _PLACEHOLDERS:
        raise ValueError(
            f"unknown tag {{{min(unknown)}}}: use {{number}}, {{id}}, {{seller}}, {{kind}}"
        )
    if "id" not in used:
        raise ValueError("{id} is needed, so that two deliveries never share a file")
    if not re.fullmatch(r"(?:[A-Za-z0-9._-]|{[a-z]+})+", value) or value.startswith("."):
        raise ValueError("letters, digits, . _ - and tags only, not starting with a dot")
    return value


def _folder(value: str) -> str:
    if any(not c.isprintable() for c in value):
        raise ValueError("a folder's name has no line breaks or control characters")
    if ".." in PurePosixPath(value).parts:
        raise ValueError("a folder without ..")
    return value


class FileRoute(BaseModel):
    """Where one buyer's documents are put."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(pattern=_HOST)
    user: str = Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")
    folder: Annotated[str, Field(max_length=512), AfterValidator(_folder)] = ""
    """Relative to where the sign-in leads; it must exist."""
    naming: Annotated[str, Field(max_length=128), AfterValidator(_naming)] = "{number}_{id}"
    """The file's name without extension; {id} is the delivery's."""


class FileSettings(BaseModel):
    """What the operator says about both file channels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_private_addresses: bool = False
    """Whether routes may lead into private networks or to this machine (the embedded mode)."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    """For a connection, and for each answer."""
    idle_seconds: float = Field(default=20.0, gt=0)
    connections: int = Field(default=32, ge=1)
    """At most, for a worker process."""


R = TypeVar("R", bound=FileRoute)


def read_route(model: type[R], channel: str, route: Mapping[str, object]) -> R:
    """The route's settings; Refused names the first field that is wrong."""
    try:
        return model.model_validate(dict(route))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Refused(
            f"{channel}.route", f"the reception setting {field}: {first['msg']}"
        ) from error


def file_name(route: FileRoute, job: Job) -> str:
    """The final name, the same at every attempt: tags filled, whatever else made harmless."""
    values = {
        "number": job.number,
        "id": job.delivery_id.hex,
        "seller": job.seller_name,
        "kind": job.document_kind,
    }
    name = re.sub(r"{([a-z]+)}", lambda tag: _harmless(values[tag.group(1)]), route.naming)
    return name + _EXTENSIONS.get(job.original.media_type.partition(";")[0], "")


def remote_path(route: FileRoute, name: str) -> str:
    """The path of a file in the route's folder."""
    return str(PurePosixPath(route.folder) / name) if route.folder else name


def arrived(route: FileRoute, path: str, size: int, words: str) -> Delivered:
    """The proof: where the file stands and how many bytes the server counts."""
    return Delivered(words, {"host": route.host, "path": path, "size": str(size)})


def absent(channel: str, path: str, job: Job) -> Failed | Unknown:
    """Neither the file nor its part is there: it never got there, or was fetched and removed already."""
    if job.may_have:
        return Unknown(
            f"the connection was lost while the file was given its name, and neither {path} nor its .part "
            "is on the server now: it may have been fetched already. Ask the buyer, then mark it as "
            "delivered or send it again",
            needs_person=True,
        )
    return Failed(f"neither {path} nor its .part is on the server", f"{channel}.absent")


def _harmless(value: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip(".-")[:80] or "document"
