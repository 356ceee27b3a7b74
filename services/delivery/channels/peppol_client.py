"""The HTTP client of the Peppol channel: it connects where it may, over verified TLS, without proxy."""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from ipaddress import ip_address

import httpcore
import httpx

from services.delivery.channels.addresses import is_public
from services.delivery.peppol.settings import PeppolSettings

CONNECT_SECONDS = 10.0
KEPT_OPEN_SECONDS = 5.0


class Network(httpcore.AsyncNetworkBackend):
    """Connects to public addresses alone, whatever a name resolves to.

    Directory and metadata name hosts, so strangers do. A name is resolved once, and the address
    that was judged is the one connected to; TLS still asks for the name.
    """

    def __init__(self, *, allow_private: bool, allow_loopback: bool) -> None:
        self._allow_private, self._allow_loopback = allow_private, allow_loopback
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        last: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._resolved(host, port, timeout):
            if not self._permitted(address):
                raise httpcore.ConnectError(f"{host} is {address}, which is no public address")
            try:
                return await self._sockets.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _resolved(self, host: str, port: int, timeout: float | None) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} can't be resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} can't be resolved: {error}") from error
        return [str(address[0]) for *_, address in found]

    def _permitted(self, address: str) -> bool:
        judged = ip_address(address.partition("%")[0])
        return (
            self._allow_private
            or is_public(judged)
            or (self._allow_loopback and judged.is_loopback)
        )


class Transport(httpx.AsyncHTTPTransport):
    """httpx's own, over that network."""

    def __init__(self, tls: ssl.SSLContext, network: Network, connections: int) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEPT_OPEN_SECONDS,
            network_backend=network,
        )


def peppol_client(settings: PeppolSettings, *, allow_private: bool) -> httpx.AsyncClient:
    """For SMPs and access points; to be closed by whom it is given."""
    tls = ssl.create_default_context()
    if settings.tls_authorities is not None:
        tls.load_verify_locations(settings.tls_authorities)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    network = Network(allow_private=allow_private, allow_loopback=settings.plain_on_loopback)
    return httpx.AsyncClient(
        transport=Transport(tls, network, settings.connections),
        timeout=httpx.Timeout(settings.timeout_seconds, connect=CONNECT_SECONDS),
        headers={"User-Agent": "facteur"},
        trust_env=False,
    )
