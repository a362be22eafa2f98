"""Gives tools published names that model APIs accept, that are unique, and that every replica computes alike."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

_MAX_LENGTH = 64
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]")
_SUFFIX_LENGTH = 16  # 64 bits, so that nobody can find a tool name with the suffix of another
_HAS_SUFFIX = re.compile(rf".*_[0-9a-f]{{{_SUFFIX_LENGTH}}}")


def published_names(tools: Iterable[tuple[str, str]], separator: str) -> Mapping[tuple[str, str], str]:
    """Map (mcp, tool) to its published name, `[A-Za-z0-9_-]{1,64}`.

    If several tools would share a name, each gets a suffix computed from its own mcp and tool name, so that adding an
    MCP never makes a known name stand for another tool. A name that already looks like one with a suffix gets a
    suffix, too, so that no tool can take the name of another.
    """
    plain = {key: _NOT_ALLOWED.sub("_", separator.join(key)) for key in tools}
    uses = Counter(plain.values())
    return {
        key: name if uses[name] == 1 and _is_usable(name) else _with_suffix(name, key)
        for key, name in plain.items()
    }


def _is_usable(name: str) -> bool:
    return len(name) <= _MAX_LENGTH and _HAS_SUFFIX.fullmatch(name) is None


def _with_suffix(name: str, key: tuple[str, str]) -> str:
    suffix = hashlib.sha256("\0".join(key).encode(errors="surrogatepass")).hexdigest()[:_SUFFIX_LENGTH]
    return f"{name[: _MAX_LENGTH - _SUFFIX_LENGTH - 1]}_{suffix}"
