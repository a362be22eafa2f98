"""The environment variables of our programs, and what a misspelt one was probably meant to be."""

from collections.abc import Iterable
from typing import Final

PREFIX: Final = "MCP_AMBASSADOR_"

VARIABLES: Final = frozenset(
    PREFIX + name
    for name in (
        # ambassador-client
        *("URL", "PRESHARED_KEY", "FRIENDLY_NAME", "HOST_TOOL", "HEARTBEAT_INTERVAL", "ALLOW_SELF_SIGNED"),
        *("CA_FILE", "FINGERPRINT", "ACCOUNT", "CLIENT_CERT", "CLIENT_KEY", "CLIENT_KEY_PASSPHRASE"),
        # ambassador-admin
        *("ADMIN_URL", "ADMIN_KEY", "CONTEXT", "OUTPUT"),
        # ambassador-admin gives these to the command that takes a new key
        *("KEY_USER", "KEY_NAME"),
        # ambassador-server
        *("DATA_DIR", "HOST", "PORT", "ADMIN_HOST", "ADMIN_PORT", "TLS", "DATABASE_URL", "NODE", "LOG_LEVEL"),
        *("PUBLIC_URL", "LOG_FORMAT"),
    )
)
"""Every variable that one of the programs reads; they share an environment, so each knows those of the others."""

_PRODUCT = "AMBAS"
_CUTOFF = 0.75
_NEEDLESS_WORDS = frozenset({"SERVER", "CLIENT"})
_FOR_COMMANDS = frozenset({"KEY_USER", "KEY_NAME"})


def misspelt_variables(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names that are probably misspelt, each with the variables that it is near to, the nearest first.

    Other names with the prefix are left alone: a reference such as `env://MCP_AMBASSADOR_MASTER_KEY` may use them.
    """
    unknown = (name for name in names if _PRODUCT in name.upper() and name not in VARIABLES)
    return {name: near for name in sorted(unknown) if (near := _near(name.upper()))}


def misspelling(name: str, near: list[str]) -> str:
    """Return the sentence about one of them."""
    return f"{name} is not a variable of MCP Ambassador. Did you mean {' or '.join(near)}?"


def _near(name: str) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - rarely needed, and the relay must start fast

    # After the prefix, which may be misspelt itself, such as MCP_AMBASADOR_ or AMBASSADOR_.
    ending = name[name.index(_PRODUCT) :].partition("_")[2]
    known = sorted(each.removeprefix(PREFIX) for each in VARIABLES)
    near = [ending] if ending in known else get_close_matches(ending, known, n=3, cutoff=_CUTOFF)
    if not near and ending and name.startswith(PREFIX):
        words = set(ending.split("_"))
        near = [each for each in known if words < set(each.split("_")) and each not in _FOR_COMMANDS]
        near.sort(key=lambda each: each.count("_"))
        near = near or [each for each in known if words - _NEEDLESS_WORDS == set(each.split("_"))]
    return [PREFIX + each for each in near[:3]]
