"""What the e-mail channel is told: by a buyer's reception, and by the operator."""

from pathlib import Path
from typing import Annotated, Literal

from email_validator import validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from services.delivery.channels.email_texts import Language
from services.delivery.domain.outcome import Job, Refused
from shared.mailboxes import plain


def _ascii_address(value: str) -> str:
    """The address as every server understands it: its domain in ASCII, its local part ASCII."""
    try:
        found = validate_email(plain(value), check_deliverability=False)
    except ValueError as error:  # EmailNotValidError is one
        raise ValueError(f"{value!r} is no e-mail address: {error}") from error
    if found.ascii_email is None:
        raise ValueError(f"{value!r}: letters outside ASCII before the @ reach few servers")
    return found.ascii_email


EmailAddress = Annotated[str, Field(max_length=254), AfterValidator(_ascii_address)]


class EmailRoute(BaseModel):
    """Whom one buyer's documents go to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: tuple[EmailAddress, ...] = Field(min_length=1, max_length=20)
    cc: tuple[EmailAddress, ...] = Field(default=(), max_length=20)
    bcc: tuple[EmailAddress, ...] = Field(default=(), max_length=20)
    """In the envelope only, never in the message."""
    reply_to: EmailAddress | None = None
    language: Language | None = None
    """Instead of the buyer's own."""

    @property
    def recipients(self) -> list[str]:
        """Everybody the server is told about, each once."""
        return list(dict.fromkeys((*self.to, *self.cc, *self.bcc)))


class SmtpServer(BaseModel):
    """The platform's submission server (RFC 6409), chosen by the operator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = 587
    sender: EmailAddress
    """Envelope and header sender; reports come back to it."""
    tls: Literal["starttls", "implicit", "plain"] = "starttls"
    """"plain" is for a server on this machine only."""
    ca_file: Path | None = None
    """Authorities (PEM) to trust instead of the system's."""
    username: str | None = None
    password: SecretStr | None = None
    helo: str | None = None
    dkim_domain: str | None = None
    dkim_selector: str | None = None
    dkim_key_file: Path | None = None
    timeout_seconds: float = Field(default=30.0, gt=0)
    connections: int = Field(default=8, ge=1)
    idle_seconds: float = Field(default=20.0, gt=0)


def read_route(job: Job) -> EmailRoute:
    """The buyer's setting as it is stored; Refused names the field that doesn't fit."""
    try:
        return EmailRoute.model_validate(dict(job.route))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Refused("email.route", f"the reception setting {field}: {first['msg']}") from error
