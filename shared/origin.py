"""From where a request came: kept with the events it causes, as a network and never as an address.

Events are read by partners and kept for years; the last part of an address says more about a person
than they need (IPv4 /24, IPv6 /48: what is left is no personal data).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address, ip_network

_origin: ContextVar[str] = ContextVar("facteur_origin", default="")


def network_of(address: str) -> str:
    """`203.0.113.9` → `203.0.113.0/24`; an empty string for what is no address."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        found = mapped
    return str(ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False))


@contextmanager
def coming_from(network: str) -> Iterator[None]:
    """What happens in here was asked for from that network."""
    token = _origin.set(network)
    try:
        yield
    finally:
        _origin.reset(token)


def current_origin() -> str:
    """The network of the request in hand; an empty string for what the system does by itself."""
    return _origin.get()
