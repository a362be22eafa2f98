"""The names that a server's certificate holds, and those that its CA may sign for."""

import ipaddress
import re
from collections.abc import Iterable

from cryptography import x509

from ambassador_server.errors import ConfigurationError

_ALWAYS_NAMED = ("localhost", "127.0.0.1", "::1")
_HOST_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?")
_EVERY_SUBDOMAIN = "*."


def alternative_names(hostnames: Iterable[str]) -> list[x509.GeneralName]:
    """Return the names of a server's certificate: these and the loopback ones. Raises ConfigurationError."""
    names = dict.fromkeys(_alternative_name(name) for name in (*_ALWAYS_NAMED, *sorted(set(hostnames))))
    return [name for name in names if name is not None]


def _alternative_name(name: str) -> x509.GeneralName | None:
    """Return the name as a certificate holds it; None for an unspecified address such as 0.0.0.0."""
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return x509.DNSName(_ascii_host_name(name))
    return None if address.is_unspecified else x509.IPAddress(address)


def _ascii_host_name(name: str) -> str:
    try:
        ascii_name = name.lower() if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_name = ""
    if len(ascii_name) > 253 or _HOST_NAME.fullmatch(ascii_name) is None:
        raise ConfigurationError(f"{name!r} is neither a host name nor an IP address.")
    return ascii_name.removesuffix(".")


def name_constraints(names: Iterable[x509.GeneralName]) -> x509.NameConstraints:
    """Return the extension that limits a CA to these names, so that nobody can misuse its key for other servers.

    A host name includes its subdomains.
    """
    return x509.NameConstraints(
        permitted_subtrees=list(dict.fromkeys(map(_subtree, names))), excluded_subtrees=None
    )


def outside(ca: x509.Certificate, names: Iterable[x509.GeneralName]) -> list[str]:
    """Return the names that the CA must not sign for; none if it was made without constraints."""
    try:
        constraints = ca.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return []
    permitted = [subtree.value for subtree in constraints.permitted_subtrees or ()]
    return [str(name.value) for name in names if not _is_within(_subtree(name).value, permitted)]


def _subtree(name: x509.GeneralName) -> x509.GeneralName:
    match name:
        case x509.DNSName():
            return x509.DNSName(name.value.removeprefix(_EVERY_SUBDOMAIN))
        case x509.IPAddress():
            return x509.IPAddress(ipaddress.ip_network(name.value))
        case _:
            raise TypeError(f"{name!r} is no name of a server")


def _is_within(name: object, permitted: Iterable[object]) -> bool:
    if isinstance(name, str):
        hosts = [host for host in permitted if isinstance(host, str)]
        return any(name == host or name.endswith(f".{host}") for host in hosts)
    return name in permitted
