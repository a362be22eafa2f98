"""Loads transports by their name in the catalog, which is the name of a file in this folder."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from ambassador_server.domain.catalog.credential_needs import CredentialNeeds
from ambassador_server.downstream.options import check_secret_reference
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transport import Hooks, Transport, TransportModule
from ambassador_server.errors import InvalidInputError


@cache
def known_transports() -> tuple[str, ...]:
    """Return the name of every transport, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def check_options(name: str, options: Mapping[str, Any], programs: ProgramSettings) -> None:
    """Raise InvalidInputError for an unknown transport or an invalid option; connects to nothing."""
    _load(name).check(options, programs)


def check_credentials(name: str, options: Mapping[str, Any], needs: CredentialNeeds) -> None:
    """Raise InvalidInputError for a credential that this transport cannot carry, or that its options set already."""
    for reference in needs.references:
        check_secret_reference(reference)
    _load(name).check_credentials(options, needs)


def starts_program(name: str) -> bool:
    """Tell whether a connection over this transport starts a program; raises InvalidInputError if it is unknown."""
    return _load(name).starts_program()


def sandbox_of(name: str, options: Mapping[str, Any], programs: ProgramSettings) -> str | None:
    """Return the sandbox that holds the program of an entry; None for a transport that starts none.

    Raises InvalidInputError, and DownstreamUnavailableError if no sandbox can hold it.
    """
    return _load(name).sandbox(options, programs)


def build_transport(name: str, options: Mapping[str, Any], hooks: Hooks) -> Transport:
    """Return an unopened transport; raises InvalidInputError for an unknown transport or an invalid option."""
    return _load(name).build(options, hooks)


def _load(name: str) -> TransportModule:
    if name not in known_transports():
        raise InvalidInputError(f"Unknown transport {name!r}; known: {', '.join(known_transports())}.")
    return cast(TransportModule, importlib.import_module(f"{__name__}.{name}"))
