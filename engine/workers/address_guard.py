"""Which network addresses an HTTP task may reach.

The address that is about to be connected is judged, not the name or the text of a URL: that
covers DNS that changes its answer, redirects, and odd spellings of an address.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, Final

from ..errors import ForbiddenError, InvalidRequestError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEVER: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "100.100.100.200/32",  # metadata, Alibaba
        "168.63.129.16/32",  # platform services, Azure
        "192.0.0.0/24",  # protocol assignments, and metadata of Oracle
        "0.0.0.0/8",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fd00:ec2::/32",  # metadata, Amazon
        "fd20:ce::254/128",  # metadata, Google
        "ff00::/8",
    )
)
_PRIVATE: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "::1/128",
        "fc00::/7",
        "fec0::/10",
    )
)
_NAT64: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


class AddressGuard:
    """Decides about addresses and makes the sockets for those that are allowed."""

    def __init__(
        self,
        allow_private: bool | Sequence[str] = True,
        denied_ports: frozenset[int] = frozenset(),
    ) -> None:
        """Set the policy.

        Args:
            allow_private: Whether loopback and private networks may be reached, or those of
                them that may, as ``10.1.0.0/16``. All is right for a laptop, wrong for a server
                that others can reach.
            denied_ports: Ports of this machine that are off limits: our own listening ones,
                so that a workflow can't start itself without end.
        """
        self.allow_private = allow_private is True
        self._listed = tuple(
            map(_network, () if isinstance(allow_private, bool) else allow_private)
        )
        self.denied_ports = denied_ports

    def refusal(self, host: str, port: int) -> str:
        """Why a literal address may not be reached; empty when it may."""
        address = _meant(ip_address(host.partition("%")[0]))
        if _within(address, _NEVER):
            return f"address {address} is never allowed for HTTP tasks"
        if port in self.denied_ports and address.is_loopback:
            return f"port {port} of this machine belongs to this server"
        is_listed = self.allow_private or _within(address, self._listed)
        if not is_listed and _within(address, _PRIVATE):
            return f"address {address} is in a private network, which this server refuses"
        return ""

    def socket_factory(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that is about to be connected (aiohttp's hook).

        Raises:
            ForbiddenError: The policy refuses the address; no packet was sent.
        """
        family, kind, protocol, _, address = addr_info
        refusal = self.refusal(str(address[0]), int(address[1]))
        if refusal:
            raise ForbiddenError(refusal)
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def _meant(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return inner
    if address.teredo is not None:
        return address.teredo[1]
    number = int(address)
    if any(address in network for network in _NAT64) or 1 < number < 1 << 32:
        return IPv4Address(number & 0xFFFFFFFF)
    return address


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidRequestError(
            f"{text[:80]!r} is no network like 10.1.0.0/16: {error}"
        ) from None


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
