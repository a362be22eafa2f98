"""Finds texts in a tool definition that may be meant to steer the model that reads it, for the person who approves it.

A finding is a cue, never a verdict: nothing is refused because of one. The work is bounded by `_MOST_TEXT` and by
`MOST_FINDINGS`, and each pattern looks only a bounded number of characters ahead, so hostile text costs no more time
than its length.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ambassador_server.domain.catalog import cue_patterns
from ambassador_server.domain.catalog.cue_patterns import HIDDEN, plain_text

MOST_FINDINGS: Final = 50
"""How many findings one definition can have; the others are counted."""
_MOST_TEXT: Final = 256 * 1024
"""How many characters of one definition are searched."""
_NODE: Final = 8
"""What a text costs besides its characters."""
_LONG_TEXT: Final = 2_000
_EXCERPT, _POINTER = 100, 200

_Place = tuple["_Place", str] | None
"""The keys that lead to a value, the last one first: a place costs as much at any depth."""


class Cue(StrEnum):
    """What kind of text was found."""

    HIDDEN_CHARACTERS = "hidden_characters"
    INSTRUCTION = "instruction"
    OTHER_TOOL = "other_tool"
    SECRET = "secret"
    LONG_TEXT = "long_text"
    ENCODED_DATA = "encoded_data"
    HTML_COMMENT = "html_comment"
    URL_WITH_DATA = "url_with_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cue: the place is a JSON pointer in the definition; place and excerpt have printable characters alone."""

    place: str
    cue: Cue
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The first findings of a definition, in its order, and how many more there are."""

    first: tuple[Finding, ...] = ()
    left_out: int = 0


NO_FINDINGS: Final = Findings()


class Pairs(list[tuple[str, object]]):
    """A JSON object as its members in order, so that a key given twice hides neither value."""


def find_cues(definition: object, *, own_name: str, other_tools: Mapping[str, str]) -> Findings:
    """Search every text and every key of a definition, whose objects are `Pairs`.

    `other_tools` has the canonical name of each tool of the catalog by all its names; `own_name` is that of this tool.
    """
    first: list[Finding] = []
    left_out, rest = 0, _MOST_TEXT
    for place, text in _texts(definition):
        for cue, excerpt in _cues(place, text[:rest], len(text), own_name, other_tools):
            if len(first) < MOST_FINDINGS:
                first.append(Finding(place=_pointer(place), cue=cue, excerpt=visible(excerpt)))
            else:
                left_out += 1
        rest -= len(text) + _NODE
        if rest <= 0:
            unsearched = Finding(
                place=_pointer(place), cue=Cue.LONG_TEXT, excerpt="What follows was not searched."
            )
            return Findings(first=(*first, unsearched), left_out=left_out)
    return Findings(first=tuple(first), left_out=left_out)


def visible(text: str) -> str:
    """Return a text with every character that a reader cannot see, or a terminal obeys, as an escape."""
    if text.isprintable() and HIDDEN.search(text) is None:
        return text
    return "".join(
        char
        if char.isprintable() and HIDDEN.match(char) is None
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _texts(definition: object) -> Iterator[tuple[_Place, str]]:
    """Yield every text with the keys that lead to it, in the order of the document; a key counts as a text."""
    waiting: list[tuple[_Place, object]] = [(None, definition)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, Pairs):
            # Names of members are read by models, too: those of a schema are the names of arguments.
            yield from (((place, key), key) for key, _ in value)
            waiting += [((place, key), each) for key, each in reversed(value)]
        elif isinstance(value, Sequence):
            waiting += [((place, str(n)), value[n]) for n in reversed(range(len(value)))]


def _cues(
    place: _Place, text: str, length: int, own_name: str, other_tools: Mapping[str, str]
) -> Iterator[tuple[Cue, str]]:
    """Yield one finding of each kind, for the first text that shows it."""
    if (hidden := HIDDEN.search(text)) is not None:
        yield Cue.HIDDEN_CHARACTERS, _around(text, hidden.start(), hidden.end())
    if length > _LONG_TEXT:
        unsearched = f", of which {length - len(text)} were not searched" if length > len(text) else ""
        yield Cue.LONG_TEXT, f"({length} characters{unsearched}) {text[:_EXCERPT]}"
    plain = plain_text(text)
    for cue, search in _SEARCHES:
        if (found := search(plain)) is not None and not (cue is Cue.ENCODED_DATA and _is_icon(place)):
            yield cue, _around(plain, found.start(), found.end())
    named = _other_tool(plain, own_name, other_tools)
    if named is not None:
        yield Cue.OTHER_TOOL, named


def _other_tool(text: str, own_name: str, other_tools: Mapping[str, str]) -> str | None:
    for found in cue_patterns.WORD.finditer(text):
        word = found[0].rstrip(".:-")
        canonical = other_tools.get(word)
        if canonical is None or canonical == own_name:
            continue
        if _is_telling(word) or _is_marked(text, found.start(), found.start() + len(word)):
            return f"{canonical}: {_around(text, found.start(), found.end())}"
    return None


def _is_telling(word: str) -> bool:
    """Tell whether a name is no ordinary word, such as `search` is."""
    return not word.isalpha() or not (word.islower() or word.istitle() or word.isupper())


def _is_marked(text: str, start: int, end: int) -> bool:
    """Tell whether a word is in quotation marks, or beside the word `tool`."""
    is_quoted = (
        text[max(0, start - 1) : start] in cue_patterns.QUOTES and text[end : end + 1] in cue_patterns.QUOTES
    )
    near = text[max(0, start - 5) : start].lower(), text[end : end + 5].lower()
    return (start > 0 and is_quoted) or near[0] == "tool " or near[1] == " tool"


def _around(text: str, start: int, end: int) -> str:
    begin = max(0, start - _EXCERPT // 4)
    cut = text[begin : max(min(end, start + _EXCERPT), begin + _EXCERPT)]
    return f"{'…' if begin else ''}{cut}{'…' if begin + len(cut) < len(text) else ''}"


def _is_icon(place: _Place) -> bool:
    return "icons" in _keys(place)


def _keys(place: _Place) -> list[str]:
    keys: list[str] = []
    while place is not None:
        place, key = place
        keys.append(key)
    return keys[::-1]


def _pointer(place: _Place) -> str:
    keys = [key[:_POINTER].replace("~", "~0").replace("/", "~1") for key in _keys(place)]
    pointer = "".join("/" + visible(key) for key in keys)
    return pointer if len(pointer) <= _POINTER else f"{pointer[:_POINTER]}…"


def _encoded(text: str) -> re.Match[str] | None:
    return next(filter(_is_encoded, cue_patterns.ENCODED.finditer(text)), None)


def _is_encoded(found: re.Match[str]) -> bool:
    """Tell an encoded text from a long word, path or hexadecimal digest."""
    word = found[0]
    return (
        any(char.isdigit() for char in word)
        and not word.islower()
        and not word.isupper()
        and "//" not in word
    )


def _url_with_data(text: str) -> re.Match[str] | None:
    return next((found for found in cue_patterns.URL.finditer(text) if _takes_data(found[0])), None)


def _takes_data(url: str) -> bool:
    _, has_query, query = url.partition("?")
    return bool(has_query) and "=" in query


_SEARCHES: Final[Sequence[tuple[Cue, Callable[[str], re.Match[str] | None]]]] = (
    (Cue.INSTRUCTION, cue_patterns.INSTRUCTION.search),
    (Cue.SECRET, cue_patterns.SECRET.search),
    (Cue.ENCODED_DATA, _encoded),
    (Cue.HTML_COMMENT, cue_patterns.HTML_COMMENT.search),
    (Cue.URL_WITH_DATA, _url_with_data),
)
