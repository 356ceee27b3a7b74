"""Which certificates are believed: authorities, revocation lists, and the time."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from services.delivery.peppol.revocation import RevocationLists

log = logging.getLogger(__name__)

MOST_LINKS = 4


MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What reading a stranger's certificate may raise; parts of it are parsed on first use only."""


class Untrusted(Exception):
    """The certificate isn't believed; the message says why."""


class Outdated(Untrusted):
    """Nobody can say at present: the revocation list is too old. To be tried again, not refused."""


def load(der: bytes) -> x509.Certificate:
    """A stranger's certificate, its parts parsed; `Untrusted` when it is malformed."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.subject, certificate.issuer, certificate.public_key()
    except MALFORMED as error:
        raise Untrusted(f"the certificate is malformed: {str(error)[:100]}") from error
    return certificate


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Trust:
    """Authorities and their revocation lists; an authority without a list revokes nothing, one whose
    list is too old has nobody trusted.

    Roots and issuing authorities are given together; a chain must end in a self-signed one, or in
    any of them when no root is given.
    """

    authorities: tuple[x509.Certificate, ...]
    revocations: RevocationLists = field(default_factory=RevocationLists)
    now: Callable[[], datetime] = field(default=utc_now, compare=False)

    @classmethod
    def read(
        cls,
        authorities: Iterable[Path],
        revocations: Iterable[Path] = (),
        now: Callable[[], datetime] = utc_now,
    ) -> "Trust":
        """From PEM files; a file of authorities may hold several."""
        certificates = [
            c for p in authorities for c in x509.load_pem_x509_certificates(p.read_bytes())
        ]
        trust = cls(tuple(certificates), RevocationLists.read(revocations), now)
        for warning in trust.warnings():
            log.warning(warning)
        return trust

    def warnings(self) -> list[str]:
        """What an operator should look at: lists that say nothing of anybody whom this trusts."""
        known = {authority.subject for authority in self.authorities}
        return [
            f"the revocation list of {revocation.issuer.rfc4514_string()} has no effect: that authority is "
            "none of those configured"
            for revocation in self.revocations.current()
            if revocation.issuer not in known
        ]

    def check(self, certificate: x509.Certificate) -> None:
        """Raise `Untrusted` unless the certificate is valid now, unrevoked, and issued by ours;
        `Outdated` where that can't be told."""
        try:
            self._check_path(certificate)
        except MALFORMED as error:
            raise Untrusted(f"the certificate is malformed: {str(error)[:100]}") from error

    def _check_path(self, certificate: x509.Certificate) -> None:
        self._check_dates(certificate)
        current = certificate
        for _ in range(MOST_LINKS):
            issuer = self._issuer(current)
            if issuer is None:
                raise Untrusted(f"{name_of(certificate)} is not issued by a trusted authority")
            self._check_dates(issuer)
            self._check_revocation(current, issuer)
            if issuer.subject == issuer.issuer or not self._rooted:
                return
            current = issuer
        raise Untrusted(f"{name_of(certificate)} has too long a chain")

    @property
    def _rooted(self) -> bool:
        return any(c.subject == c.issuer for c in self.authorities)

    def _check_dates(self, certificate: x509.Certificate) -> None:
        now = self.now()
        if now < certificate.not_valid_before_utc:
            raise Untrusted(
                f"{name_of(certificate)} is not valid before {certificate.not_valid_before_utc}"
            )
        if now > certificate.not_valid_after_utc:
            raise Untrusted(f"{name_of(certificate)} expired on {certificate.not_valid_after_utc}")

    def _issuer(self, certificate: x509.Certificate) -> x509.Certificate | None:
        for authority in self.authorities:
            if authority.subject != certificate.issuer or not _may_issue(authority):
                continue
            try:
                certificate.verify_directly_issued_by(authority)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return authority
        return None

    def _check_revocation(self, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
        for revocation in self.revocations.current():
            if revocation.issuer != issuer.subject:
                continue
            if not revocation.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                raise Untrusted(f"the revocation list of {name_of(issuer)} is not signed by it")
            if revocation.get_revoked_certificate_by_serial_number(certificate.serial_number):
                raise Untrusted(f"{name_of(certificate)} is revoked")
            if self.revocations.too_old(revocation, self.now()):
                raise Outdated(
                    f"whether {name_of(certificate)} was revoked can't be told: the revocation list of "
                    f"{name_of(issuer)} ended on {revocation.next_update_utc}"
                )


def name_of(certificate: x509.Certificate) -> str:
    """The certificate's common name, or the whole subject when it has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return False
