"""Which addresses ``http.*`` may connect to.

Denied, after resolution and on every redirect: everything that is not a public unicast address
(private, loopback, link-local with the clouds' metadata services, shared, reserved, multicast),
also where an IPv4 address is wrapped into an IPv6 one. What is checked is what is connected to: a
name is resolved once, by the guarded resolver, so that a second answer (DNS rebinding) is never
asked for.

A pattern allows an exception: a name (``localhost``), a name below a domain (``*.internal``), an
address or a network (``127.0.0.1``, ``10.0.0.0/8``, ``::1``), each but the network also with a port
(``localhost:8080``, ``[::1]:8080``). Names are compared as written in the URL; an address allows
every name that resolves to it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import Final, TypeAlias

from ...model.records import record

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME: Final = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\*", re.ASCII)
#: IPv6 networks whose addresses hold an IPv4 one, and how far it is from the right, in bits.
_WRAPPED: Final = (
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
_TEREDO: Final = ipaddress.IPv6Network("2001::/32")


class AddressDeniedError(OSError):
    """An address that must not be connected to. An OSError, so that aiohttp carries it to us."""


@record
class _Pattern:
    """One exception; either ``name`` or ``network``."""

    name: str | None
    network: Network | None
    port: int | None

    def covers(self, host: str, port: int, address: Address) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address in self.network
        if self.name == "*":
            return True
        name = host.rstrip(".").lower()
        wanted = (self.name or "").rstrip(".")
        return name.endswith(wanted[1:]) if wanted.startswith("*.") else name == wanted


class HostPolicy:
    """Decides on addresses. Raises ValueError for a pattern that is none."""

    def __init__(self, allow_hosts: Iterable[str] = ()) -> None:
        if isinstance(allow_hosts, str):
            raise ValueError(f"{allow_hosts!r}: hosts are given as a list")
        self._patterns = [_parse(text) for text in allow_hosts]

    def check(self, host: str, port: int, address: Address) -> None:
        """Raise AddressDeniedError unless ``host`` may be reached at this address."""
        plain = unwrap(address)
        if plain.is_global and not plain.is_multicast:
            return
        for pattern in self._patterns:
            if pattern.covers(host, port, plain) or pattern.covers(host, port, address):
                return
        where = "" if host == str(address) else f" (the address of {host})"
        raise AddressDeniedError(f"{address}{where} is no public address; allow_hosts can allow it")


def unwrap(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one where there is one, else the address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    number = int(address)
    if number > 1:  # :: and ::1 are themselves
        for network, shift in _WRAPPED:
            if address in network:
                return ipaddress.IPv4Address(number >> shift & 0xFFFFFFFF)
        if address in _TEREDO:
            return ipaddress.IPv4Address(~number & 0xFFFFFFFF)
    return address


def literal(host: str) -> Address | None:
    """The address that a host is, in any form a system's resolver reads; None for a name.

    ``127.1``, ``2130706433``, ``0x7f000001`` and ``017700000001`` all mean 127.0.0.1.
    """
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if host[:1].isdigit():
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
        except OSError:
            return None
    return None


def _parse(text: str) -> _Pattern:
    wanted = text.strip().lower()
    try:
        return _Pattern(None, ipaddress.ip_network(wanted, strict=False), None)
    except ValueError:
        pass
    host, colon, port_text = wanted.rpartition(":")
    port: int | None = None
    if colon:
        if not port_text.isascii() or not port_text.isdigit() or not 0 < int(port_text) < 65536:
            raise ValueError(f"{text!r} is no host: {port_text!r} is no port")
        port, wanted = int(port_text), host
    if wanted.startswith("[") and wanted.endswith("]"):
        wanted = wanted[1:-1]
    try:
        return _Pattern(None, ipaddress.ip_network(wanted), port)
    except ValueError:
        pass
    if not _NAME.fullmatch(wanted):
        raise ValueError(
            f"{text!r} is no host: write a name, *.DOMAIN, an address or a network, or NAME:PORT"
        )
    return _Pattern(wanted, None, port)
