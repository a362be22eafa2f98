"""Places of secrets by the scheme of a reference: one file of this folder per store, its name is the scheme."""

import asyncio
import importlib
import pkgutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, Protocol, cast

from ambassador_protocol.references import Reference, parse_reference, unknown_scheme

VAULT_TOKEN: Final = "VAULT_TOKEN"
VAULT_TOKEN_FILE: Final = "VAULT_TOKEN_FILE"
"""The variables with the token of the store `hashicorp`, which is a secret of this server itself."""
_THREADS: Final = 4


class SecretStore(Protocol):
    """What a file of this folder offers; one that `WAITS` asks another machine, for a bounded time."""

    WAITS: bool

    def check(self, place: str) -> None:
        """Raise SecretReferenceError for a place that can never hold a secret; reads no secret."""
        ...

    def resolve(self, place: str) -> str:
        """Return the secret, which is never empty; raises SecretReferenceError when there is none."""
        ...


@cache
def known_stores() -> tuple[str, ...]:
    """Return every scheme, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def check_reference(value: str) -> Reference | None:
    """Return the reference that a value is, None for a plain value; raises SecretReferenceError for a wrong one."""
    reference = parse_reference(value)
    if reference is not None:
        _store(reference).check(reference.place)
    return reference


def resolve_reference(value: str) -> str:
    """Return the secret that a value refers to, or the plain value itself; raises SecretReferenceError."""
    reference = parse_reference(value)
    return value if reference is None else _store(reference).resolve(reference.place)


async def resolve_without_blocking(value: str) -> str:
    """Do the same as `resolve_reference`; the event loop runs on while another machine is asked."""
    reference = parse_reference(value)
    if reference is None:
        return value
    store = _store(reference)
    if not store.WAITS:
        return store.resolve(reference.place)
    return await asyncio.get_running_loop().run_in_executor(_threads(), store.resolve, reference.place)


def waits(value: str) -> bool:
    """Tell whether another machine is asked for what a value refers to; raises SecretReferenceError."""
    reference = parse_reference(value)
    return reference is not None and _store(reference).WAITS


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="secret-store")


@cache
def _load(scheme: str) -> SecretStore:
    return cast(SecretStore, importlib.import_module(f"{__name__}.{scheme}"))


def _store(reference: Reference) -> SecretStore:
    if reference.scheme not in known_stores():
        raise unknown_scheme(reference, known_stores())
    return _load(reference.scheme)
