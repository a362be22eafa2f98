"""Finds the applications: every module of the folder `hosts` defines one as `HOST`."""

import importlib
import pkgutil
from functools import cache

import ambassador_client.hosts
from ambassador_client.errors import UsageError
from ambassador_client.hosts.installing.host import Host


@cache
def all_hosts() -> tuple[Host, ...]:
    """Return every application, sorted by name."""
    package = ambassador_client.hosts
    names = sorted(each.name for each in pkgutil.iter_modules(package.__path__) if not each.ispkg)
    return tuple(importlib.import_module(f"{package.__name__}.{name}").HOST for name in names)


def host_named(word: str) -> Host:
    """Return the application of this name, with `_` or `-`; raises UsageError."""
    name = word.replace("-", "_")
    for host in all_hosts():
        if host.name == name:
            return host
    known = ", ".join(host.name for host in all_hosts())
    raise UsageError(f"no application is called {word!r}", f"Known applications: {known}.")
