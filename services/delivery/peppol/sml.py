"""SML: from a participant to the address of its metadata publisher (SMP), by a NAPTR record.

Peppol, since November 2025: flag `U`, service `Meta:SMP`, on base32(sha256(value)); the older
CNAME on an MD5 is forbidden and not tried.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.NAPTR import NAPTR

from services.delivery.peppol.lookup import Kept, NotRegistered, NotTrusted, Unreachable
from services.delivery.peppol.participant import ParticipantIdentifier

SERVICE = b"meta:smp"
SHORTEST, LONGEST = 60.0, 3600.0
"""Bounds on how long an answer is kept, in seconds, whatever its TTL."""


@dataclass(frozen=True)
class SmlSettings:
    """Which zone is asked, and which name server; none: those of this machine."""

    zone: str
    nameserver: str | None = None
    port: int = 53
    timeout: float = 5.0


class Sml:
    def __init__(self, settings: SmlSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._kept: Kept[str] = Kept()
        self._resolver = dns.asyncresolver.Resolver(configure=settings.nameserver is None)
        if settings.nameserver is not None:
            self._resolver.nameservers = [settings.nameserver]
            self._resolver.port = settings.port
        self._resolver.lifetime = settings.timeout

    async def smp_address(self, participant: ParticipantIdentifier) -> str:
        """The base address of the participant's SMP, without a slash at its end.

        Raises `NotRegistered`, `Unreachable` (DNS down) or `NotTrusted` (a record we can't use).
        """
        name = participant.dns_name(self._settings.zone)
        address = self._kept.get(name, self._clock())
        if address is None:
            address, ttl = await self._ask(name, participant)
            self._kept.put(name, address, self._clock() + min(max(ttl, SHORTEST), LONGEST))
        return address

    def forget(self, participant: ParticipantIdentifier) -> None:
        """Ask anew next time."""
        self._kept.forget(participant.dns_name(self._settings.zone))

    async def _ask(self, name: str, participant: ParticipantIdentifier) -> tuple[str, float]:
        try:
            answer = await self._resolver.resolve(name, dns.rdatatype.NAPTR, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
            raise NotRegistered(
                f"{participant} is not registered in Peppol ({self._settings.zone})"
            ) from error
        except (dns.exception.DNSException, OSError) as error:
            reason = str(error)[:200]
            raise Unreachable(f"the Peppol directory's DNS doesn't answer: {reason}") from error
        records = sorted(
            (r for r in answer if isinstance(r, NAPTR)), key=lambda r: (r.order, r.preference)
        )
        for record in records:
            if record.flags.lower() == b"u" and record.service.lower() == SERVICE:
                return _apply(record.regexp.decode("utf-8", "replace"), name), answer.rrset.ttl  # type: ignore[union-attr]
        raise NotRegistered(f"{participant} has no SMP in Peppol ({self._settings.zone})")


def _apply(regexp: str, name: str) -> str:
    """The substitution of a NAPTR `!.*!https://…!`; only one that replaces everything is taken."""
    match = re.fullmatch(r"(.)\^?\.\*\$?\1(.+)\1i?", regexp)
    if not match or "\\" in match.group(2):
        raise NotTrusted(f"the directory's record for {name} is not usable: {regexp[:100]!r}")
    return match.group(2).rstrip("/")
