"""Gives tools published names that model APIs accept, that are unique, and that every replica computes alike."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from ambassador_server.errors import InvalidInputError

OWN_PREFIXES: Final = ("broadcast",)
"""What the names of tools that this server serves itself begin with; they count as MCPs older than any other."""

_MAX_LENGTH = 64
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]")
META_TOOL_NAMES: Final = frozenset({"search_tools", "describe_tool", "call_tool"})
"""The names of the tools that this server has itself; no tool of an MCP is published by one of them."""
_SUFFIX_LENGTH = 16  # 64 bits, so that nobody can find a tool name with the suffix of another
_HAS_SUFFIX = re.compile(rf".*_[0-9a-f]{{{_SUFFIX_LENGTH}}}")


def published_names(
    tools: Iterable[tuple[str, str]],
    mcp_names: Sequence[str],
    separator: str,
    without_prefix: Collection[str] = (),
) -> Mapping[tuple[str, str], str]:
    """Map (mcp, tool) to its published name, `[A-Za-z0-9_-]{1,64}`; `mcp_names` has every MCP, the oldest first.

    Prompts are named in the same way. The tools of the MCPs in `without_prefix` keep their own names, as far as no
    other one has the same name and the name cannot be that of another MCP's tool.

    All names that begin with the name of an MCP and the separator belong to the oldest MCP of which that is true. A
    tool of another MCP with such a name gets a suffix computed from its own mcp and tool name, whether or not the
    owner has a tool of that name. So the name of a tool never depends on the tools of another MCP.

    If several tools of one MCP would share a name, each gets a suffix. A name that already looks like one with a
    suffix gets a suffix, too, so that no tool can take the name of another; so does the name of a tool of our own.
    """
    reserved = reserved_prefixes(mcp_names, separator)
    plain = {key: _plain(separator.join(key)) for key in tools}
    uses = Counter((key[0], name) for key, name in plain.items())
    names = {
        key: name
        if uses[key[0], name] == 1 and _is_usable(name) and not name.startswith(reserved.get(key[0], ()))
        else _with_suffix(name, key)
        for key, name in plain.items()
    }
    if without_prefix:
        prefixes = tuple(_plain(name + separator) for name in mcp_names)
        names |= _own_names([key for key in names if key[0] in without_prefix], prefixes)
    return names


def check_not_own(mcp_name: str) -> str:
    """Return the name of a new MCP, or raise InvalidInputError if names of tools of this server begin with it."""
    if mcp_name in OWN_PREFIXES:
        raise InvalidInputError(
            f"Names of tools that begin with {mcp_name!r} are those of this server itself. Choose another name."
        )
    return mcp_name


def _own_names(keys: Sequence[tuple[str, str]], prefixes: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """Return the own names of those that can be published by them."""
    own = {key: _plain(key[1]) for key in keys}
    uses = Counter(own.values())
    return {
        key: name
        for key, name in own.items()
        if uses[name] == 1 and name and _is_usable(name) and not name.startswith(prefixes)
    }


def reserved_prefixes(mcp_names: Sequence[str], separator: str) -> Mapping[str, tuple[str, ...]]:
    """Return, for each MCP that has any, the prefixes of older MCPs that its tools' names could begin with."""
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    shorter: list[tuple[str, int]] = []
    for prefix, age in sorted((_plain(name + separator), age) for age, name in enumerate(mcp_names)):
        while shorter and not prefix.startswith(shorter[-1][0]):
            shorter.pop()
        for other, other_age in shorter:
            older = other if other_age < age else prefix
            found[mcp_names[max(age, other_age)]] += (older,)
        shorter.append((prefix, age))
    return found


def _plain(name: str) -> str:
    return _NOT_ALLOWED.sub("_", name)


def _is_usable(name: str) -> bool:
    return len(name) <= _MAX_LENGTH and name not in META_TOOL_NAMES and _HAS_SUFFIX.fullmatch(name) is None


def _with_suffix(name: str, key: tuple[str, str]) -> str:
    suffix = hashlib.sha256("\0".join(key).encode(errors="surrogatepass")).hexdigest()[:_SUFFIX_LENGTH]
    return f"{name[: _MAX_LENGTH - _SUFFIX_LENGTH - 1]}_{suffix}"
