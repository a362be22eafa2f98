"""Finds what a user names among what the server lists, and explains why something is not there."""

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from ambassador_client.cli import questions
from ambassador_client.cli.catalog import Refusal, find_refusal
from ambassador_client.cli.command import Run
from ambassador_client.cli.progress import ProgressBar
from ambassador_client.cli.server_client import Answer, CallError, Progress
from ambassador_client.errors import NotFoundError, one_line

T = TypeVar("T")

_VERBS = {"tool": "call", "resource": "read", "prompt": "get"}


def by_name(items: Iterable[Mapping[str, Any]], member: str = "name") -> dict[str, Mapping[str, Any]]:
    """Return the listed items by their names."""
    return {str(each[member]): each for each in items}


def lookup(listed: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the item of this name, also where the MCP stands before `.` or `:`."""
    return next((listed[spelling] for spelling in _spellings(name) if spelling in listed), None)


def request(run: Run, name: str, send: Callable[[Progress, Answer | None], T]) -> T:
    """Send a request that may take long: show its progress, and ask the user its questions at a terminal."""
    with ProgressBar(name) as bar:

        def answer(params: dict[str, Any]) -> dict[str, Any]:
            with bar.hidden():
                return questions.ask_user(name, params)

        return send(bar.update, answer if questions.is_interactive() else None)


def explain(run: Run, kind: str, listed: Collection[str], name: str, error: CallError) -> Exception:
    """Return what a refused request is reported as: what is not there, with similar names, or why it is refused."""
    if error.is_unknown:
        return not_found(run, kind, listed, name)
    if not any(spelling in listed for spelling in _spellings(name)):
        refused = _refusal(run, kind, name)
        error.next_step = "" if refused is None else refused.hint
    return error


def not_found(run: Run, kind: str, listed: Collection[str], name: str) -> NotFoundError:
    """Return the error about a name that is not listed."""
    cause = f"there is no {kind} {name[:100]!r} that you may {_VERBS[kind]}"
    if (refused := _refusal(run, kind, name)) is not None:
        if refused.message is not None:
            cause = f"{name[:100]} is stopped by an administrator: {refused.message}"
        return NotFoundError(cause, refused.hint)
    if near := _similar(name, listed):
        return NotFoundError(cause, f"Did you mean {' or '.join(near)}?")
    # The same is said of a tool that does not exist, because the client does not know either.
    asks = ", or ask for it: ambassador-client request access --help" if kind == "tool" else ""
    return NotFoundError(cause, f"Run: ambassador-client {kind}s list{asks}")


def description(described: Mapping[str, Any]) -> str:
    """Return the description of an item in one line."""
    text = described.get("description")
    return one_line(text) if isinstance(text, str) else ""


def _refusal(run: Run, kind: str, name: str) -> Refusal | None:
    return find_refusal(run, _spellings(name), kind)


def _spellings(name: str) -> tuple[str, ...]:
    return name, name.replace(".", "__", 1), name.replace(":", "__", 1)


def _similar(name: str, listed: Collection[str]) -> list[str]:
    """Return what a misspelt name may stand for, with the name of its MCP or without."""
    if near := get_close_matches(name, listed, n=3):
        return near
    short = {each: each.partition("__")[2] for each in listed}
    close = get_close_matches(name, set(short.values()), n=3)
    return [each for each in listed if short[each] in close][:3]
