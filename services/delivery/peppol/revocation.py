"""Revocation lists, read from their files again whenever those change: no restart to learn of one."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

log = logging.getLogger(__name__)

GRACE = timedelta(days=1)
"""How long a list still holds after its next one was due: authorities and downloads are late at times."""
TOLD_EVERY = timedelta(hours=1)

Stamp = tuple[int, int, int]


@dataclass
class RevocationLists:
    """Files in PEM or DER, one list each."""

    paths: tuple[Path, ...] = ()
    _kept: dict[Path, tuple[Stamp | None, x509.CertificateRevocationList]] = field(
        default_factory=dict
    )
    _told: dict[x509.Name, datetime] = field(default_factory=dict)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> "RevocationLists":
        """All of them; one that can't be read stops the start."""
        lists = cls(tuple(paths))
        lists.current()
        return lists

    def current(self) -> list[x509.CertificateRevocationList]:
        """The lists as their files hold them now, or held them when they could last be read."""
        return [self._one(path) for path in self.paths]

    def too_old(self, revocation: x509.CertificateRevocationList, now: datetime) -> bool:
        """Whether a list says nothing any more; once an hour an outdated one is told of, loudly."""
        due = revocation.next_update_utc
        if due is None or now <= due:
            return False
        told = self._told.get(revocation.issuer)
        if told is None or now - told > TOLD_EVERY:
            self._told[revocation.issuer] = now
            log.error(
                "the revocation list of %s was to be replaced by %s: fetch the new one; from %s on "
                "nothing is taken from, or sent to, those whom it is about",
                revocation.issuer.rfc4514_string(), due, due + GRACE,
            )  # fmt: skip
        return now > due + GRACE

    def _one(self, path: Path) -> x509.CertificateRevocationList:
        stamp, kept = self._kept.get(path, (None, None))
        found = None
        try:
            found = _stamp(path)
            if kept is None or found != stamp:
                kept = _load(path.read_bytes())
                log.info(
                    "revocation list %s read, to be replaced by %s", path, kept.next_update_utc
                )
        except (OSError, ValueError) as error:
            if kept is None:
                raise
            if found != stamp:
                log.error(  # noqa: TRY400 - its place in the code says nothing
                    "revocation list %s can't be read, the one before holds: %s", path, error
                )
        self._kept[path] = (found, kept)
        return kept


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _load(content: bytes) -> x509.CertificateRevocationList:
    if b"-----BEGIN" in content[:4096]:
        return x509.load_pem_x509_crl(content)
    return x509.load_der_x509_crl(content)
