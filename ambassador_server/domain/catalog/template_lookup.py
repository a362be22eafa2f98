"""Finds the owner of a URI by the templates of all MCPs, without trying each of them."""

from collections import defaultdict
from collections.abc import Iterable

from ambassador_server.domain.catalog.uris import matches_template


class TemplateLookup:
    """The templates of owners, which have numbers; a lower number comes first.

    A template is tried only if the URI begins with the text before the template's first expression. A result may have
    thousands of URIs, and there may be thousands of templates.
    """

    def __init__(self, templates: Iterable[tuple[int, str]]) -> None:
        by_head: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for number, template in sorted(templates, key=lambda each: each[0]):
            by_head[template.partition("{")[0]].append((number, template))
        self._by_head = dict(by_head)
        self._lengths = sorted({len(head) for head in by_head})

    def first_owner(self, uri: str) -> int | None:
        """Return the lowest number of an owner with a template that matches the URI, None if there is none."""
        found: int | None = None
        for length in self._lengths:
            if length > len(uri):
                break
            for number, template in self._by_head.get(uri[:length], ()):
                if found is not None and number >= found:
                    break
                if matches_template(template, uri):
                    found = number
        return found
