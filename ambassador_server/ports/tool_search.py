"""What finds the tools of a catalog by words."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ambassador_server.domain.catalog.search_words import SearchedTexts


class SearchIndex(Protocol):
    """An index of texts that does not change; it may be used in any thread."""

    def find(self, words: Sequence[str]) -> Sequence[int]:
        """Return the positions of the texts that have any of the words, or a word that begins so, the best first.

        The words are those of `query_words`. Of texts that are equally good, the first comes first.
        """


BuildSearchIndex = Callable[[Iterable[SearchedTexts]], SearchIndex]
"""Builds the index of these texts; called in a thread, and raises InvalidInputError where it cannot be built."""
