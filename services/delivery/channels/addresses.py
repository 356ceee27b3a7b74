"""Where a channel may connect to: servers that companies name must not lead into our own network."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address


class ForbiddenAddress(Exception):
    """The host's address belongs to a private network or to this machine."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one of the public internet's; IPv4 inside IPv6 is judged as IPv4."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


async def connect(
    host: str, port: int, *, allow_private: bool, timeout_seconds: float
) -> socket.socket:
    """A connected, non-blocking TCP socket to the host, whose name is resolved exactly once.

    Raises ForbiddenAddress, or OSError (TimeoutError among them) with the last address's reason.
    """
    async with asyncio.timeout(timeout_seconds):
        return await _connect(host, port, allow_private)


async def _connect(host: str, port: int, allow_private: bool) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    last: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in found:
        if not allow_private and not is_public(ip_address(str(address[0]).partition("%")[0])):
            raise ForbiddenAddress(
                f"{host} is {address[0]}, which is no public address: name a server on the internet"
            )
        line = socket.socket(family, kind, protocol)
        line.setblocking(False)
        try:
            await loop.sock_connect(line, address)
        except OSError as error:
            line.close()
            last = error
        except BaseException:
            line.close()
            raise
        else:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return line
    raise last
