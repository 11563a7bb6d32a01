"""How often a grower's pages may be asked for: so often from one address and so often for one link.

Each replica counts for itself, so that counting costs no request to the database that it is meant to spare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.responses import Response

from handlers.pages import Pages

log = structlog.get_logger(__name__)

Network = IPv4Network | IPv6Network
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Rates:
    """Requests a minute. A page that waits asks twelve times; a whole farm's office shares one address."""

    of_address: int = 240
    looks_at_link: int = 240
    presses_of_link: int = 30


class Limits:
    """Answers with the page "too many requests" instead of asking the endpoint."""

    def __init__(self, pages: Pages, trusted: Sequence[Network], rates: Rates = Rates()) -> None:
        self._pages = pages
        self._trusted = tuple(trusted)
        self._rates = rates
        self._counters = MovingWindowRateLimiter(MemoryStorage())

    def looks(self, endpoint: Endpoint) -> Endpoint:
        """For GET and HEAD."""
        return self._held(endpoint, self._rates.looks_at_link)

    def presses(self, endpoint: Endpoint) -> Endpoint:
        """For POST."""
        return self._held(endpoint, self._rates.presses_of_link)

    def _held(self, endpoint: Endpoint, per_link: int) -> Endpoint:
        async def held(request: Request) -> Response:
            if await self._admits(request, per_link):
                return await endpoint(request)
            log.info("too many requests", route=request.scope["route"].path)
            return self._pages.for_request(request).busy()

        return held

    async def _admits(self, request: Request, per_link: int) -> bool:
        address = address_of(request, self._trusted)
        if address and not await self._counters.hit(RateLimitItemPerMinute(self._rates.of_address), "address", address):
            return False
        token = request.path_params.get("token")
        if token is None:
            return True
        # The link is a secret, also in our own memory.
        link = hashlib.sha256(str(token).encode("utf-8", "surrogatepass")).hexdigest()
        return await self._counters.hit(RateLimitItemPerMinute(per_link), "link", request.method, link)


def address_of(request: Request, trusted: Sequence[Network]) -> str | None:
    """Who asks: the last address in the chain that no trusted proxy of ours has; None when nobody can tell.

    Anybody may write X-Forwarded-For, so only what a trusted proxy added to it counts. A private address that is no
    trusted proxy is a proxy we were not told of: all growers come from there, so it stands for none of them. Of IPv6
    the network counts, as one household has more addresses than can be remembered.
    """
    peer = _parsed(request.client.host if request.client else "")
    if peer is None:
        return None
    if not _is_in(peer, trusted):
        return _household(peer) if peer.is_global else None
    for hop in reversed(",".join(request.headers.getlist("x-forwarded-for")).split(",")):
        address = _parsed(hop.strip())
        if address is None:
            return None
        if not _is_in(address, trusted):
            return _household(address)
    return None


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _household(address: IPv4Address | IPv6Address) -> str:
    return str(ip_network(f"{address}/64", strict=False)) if isinstance(address, IPv6Address) else str(address)
