"""The names under which tools are published: fit for model APIs, unique, and the same on every replica."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

_MAX = 64
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_MARK = 16  # 64 bits: nobody finds a tool name whose mark equals another's
_LOOKS_MARKED = re.compile(rf".*_[0-9a-f]{{{_MARK}}}")


def published_names(tools: Iterable[tuple[str, str]], separator: str) -> Mapping[tuple[str, str], str]:
    """Map (mcp, tool) to its published name, `[A-Za-z0-9_-]{1,64}`.

    Where two tools would share a name, each gets a mark of its own canonical name, so that adding an MCP can never
    silently point a known name at another tool. A name that looks marked is marked, too: no tool can take the
    marked name of another.
    """
    plain = {key: _UNFIT.sub("_", separator.join(key)) for key in tools}
    uses = Counter(plain.values())
    return {
        key: name if uses[name] == 1 and _is_fine(name) else _marked(name, key) for key, name in plain.items()
    }


def _is_fine(name: str) -> bool:
    return len(name) <= _MAX and _LOOKS_MARKED.fullmatch(name) is None


def _marked(name: str, key: tuple[str, str]) -> str:
    mark = hashlib.sha256("\0".join(key).encode(errors="surrogatepass")).hexdigest()[:_MARK]
    return f"{name[: _MAX - _MARK - 1]}_{mark}"
