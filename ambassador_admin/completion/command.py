"""Prints names for a shell to complete: from the cache, else from the server within a second, else none.

It prints no error, which would disturb the line being typed, and never prompts, which would block the shell. An answer
from the cache loads nothing but the modules imported above.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from ambassador_admin.completion.cache import NameCache, NameList, NameQuery
from ambassador_admin.completion.kinds import NameKind

_SECONDS = 1.0
_LONGEST_TEXT = 80
# Only names without characters that a shell interprets, so that a completed name never needs quotes.
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+:/-]{0,199}")
_OPTIONS = ("server", "context", "ca")


def run(arguments: Sequence[str]) -> None:
    """Print the names and end the process with 0, even if a thread still waits for the server."""
    with suppress(Exception):
        sys.stdout.write("".join(lines(arguments, os.environ)))
        sys.stdout.flush()
    os._exit(0)


def lines(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield `NAME<tab>DESCRIPTION` for each name that begins with PREFIX.

    The arguments are KIND, PREFIX and the words of the line so far.
    """
    kind, prefix, *words = [*arguments, "", ""][: max(2, len(arguments))]
    query = NameQuery(kind=NameKind(kind), prefix=prefix, server_options=_server_options(words))
    if prefix and _SAFE.fullmatch(prefix) is None:
        return
    answer = _cached(query, environ) or _fetched(query, environ)
    for name, description in answer.names if answer else ():
        if name.startswith(prefix) and _SAFE.fullmatch(name):
            yield f"{name}\t{_one_line(description)}\n"


def _server_options(words: Sequence[str]) -> dict[str, str]:
    """Return the options of the line that choose a server; the last of each counts."""
    options = {}
    for word, following in zip(words, [*words, ""][1:], strict=True):
        name, separator, value = word.partition("=")
        if word == "--":
            break
        if name.startswith("--") and name[2:] in _OPTIONS:
            options[name[2:]] = value if separator else following
    return options


def _cached(query: NameQuery, environ: Mapping[str, str]) -> NameList | None:
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        answer = NameCache(query, environ).read()
        return answer if answer is not None and answer.covers(query.prefix) else None
    return None


def _fetched(query: NameQuery, environ: Mapping[str, str]) -> NameList | None:
    from threading import Thread  # noqa: PLC0415 - needed only when the cache has no found

    results: list[NameList] = []

    def fetch() -> None:
        with suppress(Exception):
            from ambassador_admin.completion.server_lookup import look_up_names  # noqa: PLC0415

            results.append(look_up_names(query, environ))
            NameCache(query, environ).write(results[0])

    # A thread, because no timeout of a library covers name resolution, a slow answer and reading the key together.
    fetching = Thread(target=fetch, daemon=True)
    fetching.start()
    fetching.join(_SECONDS)
    return results[0] if results else None


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_LONGEST_TEXT]
