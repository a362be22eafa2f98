"""Which IP addresses may be dialled for a URL that a stranger has chosen."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from yarl import URL

from ambassador_server.errors import UntrustedMetadataError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "::1/128",
            "fc00::/7",
        ),
    )
)
"""The networks of an organisation and of the machine itself."""
_METADATA: Final = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254", "fd20:ce::254")))
"""Addresses in those networks that give credentials of the machine to any process on it; they are never dialled."""
_TRANSLATED: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))
"""Networks whose last 32 bits are an IPv4 address (NAT64)."""
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
"""The obsolete IPv6 form of IPv4 addresses."""
_LONGEST_URL: Final = 4096


def may_dial(text: str, *, private: bool) -> bool:
    """Tell whether an address is public, or, with `private`, of the organisation or this machine.

    An IPv4 address inside an IPv6 address has to be allowed as well.
    """
    return all(_is_allowed(each, private=private) for each in _meant_by(_parsed(text)))


def is_loopback(text: str) -> bool:
    """Tell whether an address is of this machine."""
    return _parsed(text).is_loopback


def check_url(text: str, *, private: bool) -> URL:
    """Return the URL of an endpoint: https, or, with `private`, also http at this machine.

    Raises UntrustedMetadataError. The addresses behind a name are checked when they are dialled.
    """
    if len(text) > _LONGEST_URL:
        raise UntrustedMetadataError(
            f"An endpoint of the authorization server has more than {_LONGEST_URL} characters."
        )
    try:
        url = URL(text)
        valid = bool(url.host) and url.port is not None and url.user is None and url.password is None
    except ValueError:
        raise UntrustedMetadataError("An endpoint of the authorization server is not a URL.") from None
    if not valid or url.fragment:
        raise UntrustedMetadataError("An endpoint of the authorization server is not a URL of a host.")
    if url.scheme == "https" or (url.scheme == "http" and private and is_this_machine(url.host or "")):
        return url
    raise UntrustedMetadataError(
        f"An endpoint of the authorization server, at host {url.host!r}, does not use https."
    )


def is_this_machine(host: str) -> bool:
    """Tell whether a host of a URL is this machine by its name or its address, whatever a resolver says."""
    return host == "localhost" or (is_address(host) and is_loopback(host))


def is_address(host: str) -> bool:
    """Tell whether a host is an address and no name."""
    try:
        _parsed(host)
    except ValueError:
        return False
    return True


def _parsed(text: str) -> _Address:
    return ipaddress.ip_address(text.partition("%")[0])


def _meant_by(address: _Address) -> Iterator[_Address]:
    """Yield the address, and the IPv4 addresses that a router or the system may send its packets to."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _TRANSLATED):
        yield last
    if address in _COMPATIBLE and int(address) > 1:
        yield last


def _is_allowed(address: _Address, *, private: bool) -> bool:
    if address in _METADATA or address.is_multicast or address.is_unspecified or address.is_link_local:
        return False
    if any(address in network for network in _PRIVATE):
        return private
    return address.is_global and not address.is_reserved
