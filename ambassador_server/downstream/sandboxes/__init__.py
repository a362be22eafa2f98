"""Sandboxes around programs by name: one file of this folder each, its name is the word in the options."""

import importlib
import pkgutil
from contextlib import suppress
from functools import cache
from os.path import realpath
from typing import Protocol, cast

from ambassador_server.domain.catalog.mcps import SandboxOffer
from ambassador_server.downstream.programs.places import lies_in
from ambassador_server.downstream.programs.plan import Launch, SandboxOptions, Wrapped
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError

PREFERENCE = ("landlock", "bubblewrap", "user", "none")
"""The order in which an entry without a choice of its own gets the first that is available."""

_PORTS = range(1, 65536)


class UnavailableError(Exception):
    """This machine does not offer the sandbox; the message says why."""


class Sandbox(Protocol):
    """What a file of this folder offers."""

    def offer(self, settings: ProgramSettings) -> str:
        """Return what the sandbox holds back on this machine; raises UnavailableError."""
        ...

    def shortcoming(self, options: SandboxOptions) -> str | None:
        """Return what of the options the sandbox cannot enforce on this machine; None if it can enforce all."""
        ...

    def wrap(self, launch: Launch) -> Wrapped:
        """Return the program in the sandbox."""
        ...


@cache
def known_sandboxes() -> tuple[str, ...]:
    """Return the name of every sandbox, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def check_sandbox(options: SandboxOptions, settings: ProgramSettings) -> None:
    """Raise InvalidInputError for what no sandbox could ever do, or the server's settings refuse."""
    if options.kind is not None and options.kind not in known_sandboxes():
        raise InvalidInputError(
            f"Option 'sandbox': unknown kind {options.kind!r}; known: {', '.join(known_sandboxes())}."
        )
    for path in (*options.read, *options.write):
        if not path.startswith("/") or "\0" in path:
            raise InvalidInputError(f"Option 'sandbox': {path!r} is not an absolute path.")
        if any(lies_in(realpath(path), realpath(own)) for own in settings.hidden):
            raise InvalidInputError(f"Option 'sandbox': {path!r} belongs to the server or is a secret.")
    for port in options.ports or ():
        if port not in _PORTS:
            raise InvalidInputError(f"Option 'sandbox': {port} is not a TCP port.")
    if options.kind == "none" and settings.unsandboxed != "allowed":
        raise InvalidInputError(
            "Option 'sandbox': the server's setting stdio.unsandboxed does not let an entry choose 'none'."
        )
    if options.kind in {"user", "none"} and options.names_limits:
        raise InvalidInputError(
            f"Option 'sandbox': '{options.kind}' can enforce neither the profile 'strict' nor 'connect'."
        )


def choose(options: SandboxOptions, settings: ProgramSettings) -> str:
    """Return the sandbox that holds an entry with these options; raises DownstreamUnavailableError if none can."""
    reasons = []
    for kind in PREFERENCE if options.kind is None else (options.kind,):
        if kind == "none" and settings.unsandboxed == "refused":
            reasons.append("none: the server's setting stdio.unsandboxed refuses it")
            continue
        sandbox = load(kind)
        try:
            _ = sandbox.offer(settings)
        except UnavailableError as error:
            reasons.append(f"{kind}: {error}")
            continue
        shortcoming = sandbox.shortcoming(options)
        if shortcoming is None:
            return kind
        reasons.append(f"{kind}: {shortcoming}")
    raise DownstreamUnavailableError(f"no sandbox can hold this program ({'; '.join(reasons)})")


def offers(settings: ProgramSettings) -> tuple[SandboxOffer, ...]:
    """Return what this machine offers, in the order of preference."""
    default = None
    with suppress(DownstreamUnavailableError):
        default = choose(SandboxOptions(), settings)
    found = []
    for kind in PREFERENCE:
        try:
            detail, available = load(kind).offer(settings), True
        except UnavailableError as error:
            detail, available = str(error), False
        found.append(SandboxOffer(kind=kind, available=available, is_default=kind == default, detail=detail))
    return tuple(found)


@cache
def load(kind: str) -> Sandbox:
    """Return the sandbox of this name."""
    return cast(Sandbox, importlib.import_module(f"{__name__}.{kind}"))
