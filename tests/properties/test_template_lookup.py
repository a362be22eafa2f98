"""The owner of a URI is found as if each template of each owner were tried, but few of them are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog import template_lookup
from ambassador_server.domain.catalog.template_lookup import TemplateLookup
from ambassador_server.domain.catalog.uris import matches_template

TEMPLATES = st.lists(
    st.tuples(st.integers(0, 5), st.text(alphabet="a:{}+x/", max_size=8)),
    max_size=12,
)


@given(TEMPLATES, st.text(alphabet="a:x/", max_size=8))
def test_the_first_owner_with_a_template_that_matches_is_found(templates: list[tuple[int, str]], uri: str):
    owners = [number for number, template in templates if matches_template(template, uri)]
    assert TemplateLookup(templates).first_owner(uri) == (min(owners) if owners else None)


def test_only_templates_that_begin_like_the_uri_are_tried(monkeypatch: pytest.MonkeyPatch):
    tried: list[str] = []

    def counted(template: str, uri: str) -> bool:
        tried.append(template)
        return matches_template(template, uri)

    monkeypatch.setattr(template_lookup, "matches_template", counted)
    lookup = TemplateLookup((number, f"s{number}://{{x}}") for number in range(10_000))
    assert [lookup.first_owner(f"s{number}://1") for number in range(100)] == list(range(100))
    assert lookup.first_owner("other://1") is None
    assert tried == [f"s{number}://{{x}}" for number in range(100)]
