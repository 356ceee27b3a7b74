"""What the Peppol channel and the access point need to be told; files only, no secret in it."""

from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from services.delivery.peppol.dsig import Identity
from services.delivery.peppol.participant import require_ap_id
from services.delivery.peppol.sml import SmlSettings
from services.delivery.peppol.smp import SmpSettings
from services.delivery.peppol.trust import Trust


class PeppolSettings(BaseModel):
    """Paths of PEM files, and which network is asked."""

    model_config = ConfigDict(frozen=True, ignored_types=(cached_property,))

    certificate: Path
    """Our access point's certificate; its CN is our id, such as PBE000123."""
    key: Path
    """Its RSA key, readable by us alone."""
    ap_authorities: tuple[Path, ...]
    """Root and issuing authorities of access points."""
    ap_revocations: tuple[Path, ...] = ()
    """Revocation lists of those, PEM or DER, read again when a file changes."""
    smp_authorities: tuple[Path, ...]
    smp_revocations: tuple[Path, ...] = ()
    tls_authorities: Path | None = None
    """A file of authorities for TLS instead of the usual ones: the embedded network's own."""
    sml_zone: str = "edelivery.tech.ec.europa.eu"
    sml_nameserver: str | None = None
    sml_port: int = 53
    plain_on_loopback: bool = False
    """Permit http to this machine; for the embedded network only."""
    connections: int = Field(default=32, ge=1)
    timeout_seconds: float = Field(default=60.0, gt=0)
    """How long an access point may take to answer with its receipt, and a look-up altogether."""

    @cached_property
    def identity(self) -> Identity:
        found = Identity.from_pem(self.certificate.read_bytes(), self.key.read_bytes())
        require_ap_id(found.ap_id)
        return found

    @cached_property
    def ap_trust(self) -> Trust:
        return Trust.read(self.ap_authorities, self.ap_revocations)

    @cached_property
    def smp_trust(self) -> Trust:
        return Trust.read(self.smp_authorities, self.smp_revocations)

    def warnings(self) -> list[str]:
        """What an operator should look at, though everything runs."""
        return [*self.ap_trust.warnings(), *self.smp_trust.warnings()]

    @property
    def sml(self) -> SmlSettings:
        return SmlSettings(self.sml_zone, self.sml_nameserver, self.sml_port)

    @property
    def smp(self) -> SmpSettings:
        return SmpSettings(self.plain_on_loopback, seconds=self.timeout_seconds)
