"""The words by which tools are found: those of their texts, and those of what is searched for."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST_QUERY: Final = 1000
"""How many characters of a query are read; no tool is found by more."""
_MOST_WORDS: Final = 24
_LONGEST_TEXT: Final = 8000
"""How many characters of one text of a tool are searched."""
_LONGEST_WORD: Final = 64

_RUN = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Scripts without spaces between words.
_UNSPACED = re.compile(
    "([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f]+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedTexts:
    """The texts of one tool that are searched, each as words with spaces between them."""

    name: str
    title: str
    description: str
    arguments: str


def searched_text(text: str) -> str:
    """Return the words of a text, with spaces between them."""
    return " ".join(_words(text[:_LONGEST_TEXT]))


def query_words(query: str) -> Sequence[str]:
    """Return the words to search for: letters and digits alone, in their order, each once."""
    return list(dict.fromkeys(_words(query[:LONGEST_QUERY])))[:_MOST_WORDS]


def _words(text: str) -> Iterator[str]:
    """Yield the words in lower case; of `getUser` also its parts, and pairs of characters of unspaced scripts."""
    for run in _RUN.findall(unicodedata.normalize("NFKC", text)):
        for part in filter(None, _UNSPACED.split(run)):
            if _UNSPACED.fullmatch(part):
                yield from (part[at : at + 2] for at in range(len(part) - 1))
                yield part[-1]
                continue
            yield from _RUN.findall(part.casefold()[:_LONGEST_WORD])
            humps = _HUMP.split(part)
            if len(humps) > 1:
                yield from (each.casefold()[:_LONGEST_WORD] for each in humps)
