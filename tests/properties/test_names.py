"""Published names are valid for model APIs, unique and stable; patterns match exactly."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.catalog.published_names import published_names
from ambassador_server.domain.policy.grants import Grant, normalise_pattern
from ambassador_server.domain.policy.pattern_spelling import exact_name, spell_name, spell_pattern
from ambassador_server.domain.policy.uri_spelling import spell_uri
from ambassador_server.errors import InvalidInputError
from tests.server.worlds import GRANT, capability

PARTS = st.text(alphabet="ab_-.é ", min_size=1, max_size=50)
KEYS = st.lists(st.tuples(PARTS, PARTS), max_size=12, unique=True)

CLASHING_MCPS = ["a", "a_", "a__b", "a__b__c", "b"]
CLASHING = st.lists(
    st.tuples(st.sampled_from(CLASHING_MCPS), st.text(alphabet="abc_.", min_size=1, max_size=8)), max_size=20
)


def by_age(keys):
    return list(dict.fromkeys(mcp for mcp, _ in keys))


@given(KEYS)
def test_published_names_are_fit_and_unique(keys):
    names = published_names(keys, by_age(keys), "__")
    assert set(names) == set(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names.values())
    assert len(set(names.values())) == len(keys)


@given(CLASHING, CLASHING, st.permutations(CLASHING_MCPS))
def test_the_tools_of_one_mcp_never_change_the_names_of_another(mine, others, mcp_names):
    mine = [("a", tool) for _, tool in mine]
    others = [key for key in others if key[0] != "a"]
    alone = published_names(others, mcp_names, "__")
    together = published_names([*mine, *others], mcp_names, "__")
    assert {key: together[key] for key in others} == alone
    assert len(set(together.values())) == len(set(mine) | set(others))


@given(CLASHING, st.permutations(CLASHING_MCPS))
def test_a_new_mcp_never_changes_the_names_of_older_ones(keys, mcp_names):
    *older, newest = mcp_names
    known = [key for key in keys if key[0] != newest]
    after = published_names(keys, mcp_names, "__")
    assert {key: after[key] for key in known} == published_names(known, older, "__")


@given(CLASHING, st.permutations(CLASHING_MCPS), st.sets(st.sampled_from(CLASHING_MCPS)))
def test_names_without_a_prefix_are_unique_and_take_no_name_of_another(keys, mcp_names, without_prefix):
    prefixed = published_names(keys, mcp_names, "__")
    names = published_names(keys, mcp_names, "__", without_prefix)
    assert len(set(names.values())) == len(set(keys))
    for key, name in names.items():
        if key[0] not in without_prefix:
            assert name == prefixed[key]
        elif name != prefixed[key]:
            assert name == re.sub(r"[^A-Za-z0-9_-]", "_", key[1])
            assert not name.startswith(tuple(f"{mcp}__" for mcp in mcp_names))


def test_a_name_without_a_prefix_that_two_mcps_have_is_prefixed_for_both():
    keys = [("git", "log"), ("git", "tag"), ("notes", "log")]
    assert published_names(keys, ["git", "notes"], "__", {"git", "notes"}) == {
        ("git", "log"): "git__log",
        ("git", "tag"): "tag",
        ("notes", "log"): "notes__log",
    }


@given(st.lists(st.sampled_from(["a", "b", ".", "*"]), min_size=1, max_size=12), st.text("ab.", max_size=12))
def test_patterns_match_like_a_slow_reference(symbols, name):
    pattern = "".join(symbols)
    assert replace(GRANT, patterns=(pattern,)).covers(_tool(name)) == matches(pattern, name)


ANY_NAME = st.text(min_size=1, max_size=30) | st.text(alphabet="a*%2A5é \ud800", min_size=1, max_size=8)


@given(ANY_NAME, ANY_NAME)
def test_every_name_has_an_exact_spelling(name, other):
    pattern = normalise_pattern(f"git.{spell_name(name)}", "git")
    grant = replace(GRANT, patterns=(pattern,))
    assert grant.covers(_tool(f"git.{name}"))
    assert grant.covers(_tool(f"git.{other}")) == (other == name)
    assert exact_name(spell_name(name)) == name
    assert re.fullmatch(r"[A-Za-z0-9_.:/%-]*", pattern)


@given(
    st.lists(st.sampled_from(["a", "*", "%C3%A9", "%20", "%2A", "%25"]), min_size=1, max_size=10), ANY_NAME
)
def test_patterns_with_spelt_characters_match_like_a_slow_reference(symbols, name):
    literal = {"%2A": "\0", "%25": "%", "%C3%A9": "é", "%20": " "}
    pattern = normalise_pattern("".join(symbols), "git")
    read = "".join(literal.get(each, each) for each in symbols)
    expected = pattern == "*" or matches(f"git.{read}", f"git.{name.replace('*', chr(0))}")
    assert replace(GRANT, patterns=(pattern,)).covers(_tool(f"git.{name}")) == expected


@given(ANY_NAME)
def test_a_character_that_must_be_spelt_is_refused_with_the_spelling(name):
    spelt = spell_name(name)
    assert spell_pattern(spelt) == spelt
    if re.fullmatch(r"[A-Za-z0-9_.:/*%-]+", name) is None and "%" not in name and "*" not in name:
        with pytest.raises(InvalidInputError) as refused:
            normalise_pattern(name, "git")
        assert f"write {spelt[:200]!r}" in str(refused.value)


@pytest.mark.parametrize(
    "pattern", ["", "50%", "%", "%4", "%zz", "%C3", "a%ff*", "%C3*%A9", "%C3%A9" * 700, "a b", "a,b"]
)
def test_texts_that_are_no_pattern_are_refused(pattern):
    with pytest.raises(InvalidInputError, match="is not a tool pattern"):
        normalise_pattern(pattern, "git")


ANY_URI = st.sampled_from(["file:///a%20b", "repo://{owner}/{path*}", "file:///ä", "a b", "100%"]) | st.text(
    alphabet="a*%2AaCc3äé: \n\ud800", min_size=1, max_size=8
)


@given(ANY_URI, ANY_URI)
def test_every_uri_can_be_written_as_it_is_listed(uri, other):
    grant = _grant_of(uri.replace("*", "%2A"))
    assert grant.covers(_resource(uri))
    assert _grant_of(uri).covers(_resource(uri))
    assert grant.covers(_resource(other)) == (spell_uri(other) == spell_uri(uri))
    assert re.fullmatch(r"[!-)+-~]*", *grant.resources)
    assert spell_uri(spell_uri(uri)) == spell_uri(uri)


@given(st.text("ab:/?#{}%", max_size=8), st.text("ab:/?#{}%", max_size=8))
def test_uris_in_plain_characters_are_told_apart(uri, other):
    assert (spell_uri(uri) == spell_uri(other)) == (_upper_case(uri) == _upper_case(other))


@given(st.lists(st.sampled_from(["a", "*", "%2A", "%c3%A4", "ä", "/"]), min_size=1, max_size=10), ANY_URI)
def test_patterns_of_uris_match_like_a_slow_reference(symbols, uri):
    spelt = "".join("%C3%A4" if each in {"ä", "%c3%A4"} else each for each in symbols)
    assert _grant_of("".join(symbols)).covers(_resource(uri)) == matches(spelt, spell_uri(uri))


def test_the_name_of_the_mcp_is_no_part_of_a_uri():
    assert normalise_pattern("log", "git", CapabilityKind.RESOURCE) == "log"
    assert normalise_pattern("git.log", "git", CapabilityKind.RESOURCE) == "git.log"


def _grant_of(*patterns: str) -> Grant:
    resources = tuple(normalise_pattern(each, "git", CapabilityKind.RESOURCE) for each in patterns)
    return replace(GRANT, patterns=(), resources=resources)


def _resource(uri: str) -> CapabilityRef:
    return CapabilityRef("m1", CapabilityKind.RESOURCE, uri)


def _upper_case(uri: str) -> str:
    return re.sub("%[0-9a-f]{2}", lambda found: found[0].upper(), uri)


def matches(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return matches(pattern[1:], name) or (bool(name) and matches(pattern, name[1:]))
    return bool(name) and pattern[0] == name[0] and matches(pattern[1:], name[1:])


def _tool(name: str) -> CapabilityRef:
    return capability("m1", name, ToolClass.WRITE)


def test_a_bare_pattern_is_put_under_its_mcp():
    assert normalise_pattern("log*", "git") == "git.log*"
    assert normalise_pattern("git.log", "git") == "git.log"
    assert normalise_pattern("*", "git") == "*"


def test_a_pattern_with_many_stars_is_matched_in_linear_time():
    """A backtracking matcher would take exponential time for this pattern."""
    assert not replace(GRANT, patterns=("*a" * 100 + "b",)).covers(_tool("a" * 1000))


def test_no_tool_takes_the_marked_name_of_another():
    clash = [("m", "n__o"), ("m__n", "o")]
    marked = published_names(clash, ["m__n", "m"], "__")[clash[0]]
    thief = ("m__n", marked.removeprefix("m__n__"))
    names = published_names([*clash, thief], ["m__n", "m"], "__")
    assert len(set(names.values())) == 3
    assert names[clash[0]] == marked
