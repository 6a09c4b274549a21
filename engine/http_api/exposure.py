"""Whether others can reach a door, and what has to be so before they may."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import InvalidRequestError
from .guard import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from ..service import Service


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is this machine's own. An empty one is every address."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def is_loopback_url(url: str) -> bool:
    """Whether an address of an API leads to this machine and no other."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and is_loopback(host)


def is_exposed(host: str, names: Iterable[str] | None) -> bool:
    """Whether others reach a door: by its address, or by a public name through a proxy."""
    return not is_loopback(host) or bool(frozenset(names or ()) - LOOPBACK_HOSTS)


def check_exposure(service: Service, host: str, names: Iterable[str] | None) -> None:
    """Let a door open, or refuse.

    Args:
        service: Whose users and keys count.
        host: Address to listen on.
        names: Names the door answers to besides the local ones.

    Raises:
        InvalidRequestError: Others could reach it, and nobody is configured.
    """
    if is_exposed(host, names) and not service.needs_login():
        raise exposure_refusal(host, names)


def exposure_refusal(host: str, names: Iterable[str] | None) -> InvalidRequestError:
    """The error that refuses to open a door to others while nobody is configured."""
    where = f"Listening on {host or 'every address'}"
    if is_loopback(host):
        where = f"Answering to {', '.join(sorted(names or ()))}"
    return InvalidRequestError(
        f"{where} lets others in, and nobody is configured, so everybody could do everything. "
        "Either name who may come in: `conductor-studio user add NAME --role admin` for a person, "
        "`conductor-studio token create NAME --role worker` for a program. Or keep it to this "
        "machine: leave out --host (and --names), or say --host 127.0.0.1."
    )
