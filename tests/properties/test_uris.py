"""URIs of resources lead back to the MCP that offers them, whatever the MCPs offer; templates match in linear time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import DownstreamState, DownstreamStatus, McpStatus
from ambassador_server.domain.catalog.offers import DownstreamFeatures, ListedResource, ResourceTemplate
from ambassador_server.domain.catalog.uris import LONGEST_MATCHED, is_unambiguous, matches_template
from ambassador_server.services.calls.catalog_index import CatalogIndex, build_index
from tests.server.worlds import MCP

NAMES = ("git", "files", "notes")
URIS = st.sampled_from(
    ["a:1", "a:2", "b:1/2", "b:x", "ambassador:git:a:1", "ambassador:files:a:1", "ambassador:", "", "ü:%20"]
)
TEMPLATES = st.sampled_from(["a:{id}", "b:{+path}", "{+all}", "ambassador:git:{x}", "b:{x}/{y}"])
OFFERS = st.fixed_dictionaries(
    {name: st.tuples(st.lists(URIS, unique=True), st.lists(TEMPLATES, unique=True)) for name in NAMES}
)


def index_of(offers: dict[str, tuple[list[str], list[str]]]) -> CatalogIndex:
    states = {name: state_of(*what) for name, what in offers.items()}
    mcps = [
        replace(
            MCP,
            mcp_id=f"id-{name}",
            name=name,
            status=McpStatus.PUBLISHED,
            created_at=MCP.created_at + timedelta(days=age),
        )
        for age, name in enumerate(offers)
    ]
    return build_index(mcps, lambda mcp_id: states[mcp_id.removeprefix("id-")], "__")


def state_of(uris: list[str], templates: list[str]) -> DownstreamState:
    described = {"name": "x", "description": "", "mime_type": "", "definition": b"{}"}
    return DownstreamState(
        status=DownstreamStatus.READY,
        error=None,
        tools=(),
        resources=tuple(ListedResource(uri=uri, **described) for uri in uris),
        templates=tuple(ResourceTemplate(uri_template=each, **described) for each in templates),
        features=DownstreamFeatures(resources=True),
    )


@given(OFFERS, st.permutations(NAMES), URIS)
def test_every_published_uri_leads_to_its_mcp_and_its_own_uri(offers, by_age, unlisted):
    index = index_of({name: offers[name] for name in by_age})
    published = [entry.published for entry in index.resources]
    assert len(set(published)) == len(published)
    for entry in index.resources:
        assert index.resource(entry.published) is entry
    for mcp in index.oldest_first:
        for uri in [*offers[mcp.name][0], unlisted]:
            found = index.resource(index.published_uri(mcp, uri))
            if uri in offers[mcp.name][0] or is_unambiguous(uri):
                assert found is not None
                assert (found.mcp_name, found.name) == (mcp.name, uri)
            else:
                assert found is None


@given(OFFERS, st.permutations(NAMES))
def test_templates_have_unique_names_of_their_own(offers, by_age):
    index = index_of({name: offers[name] for name in by_age})
    assert len(index.templates) == sum(len(templates) for _, templates in offers.values())
    for entry in index.templates:
        assert index.templates_by_name[entry.published] is entry
        assert entry.published.endswith(entry.name)


def test_a_uri_passes_untouched_where_one_mcp_offers_it_and_the_older_of_two_keeps_it():
    index = index_of({"git": (["a:1"], []), "files": (["a:1", "b:x"], ["c:{id}"]), "notes": ([], ["c:{id}"])})
    assert sorted((entry.published, entry.mcp_name) for entry in index.resources) == [
        ("a:1", "git"),
        ("ambassador:files:a:1", "files"),
        ("b:x", "files"),
    ]
    assert [entry.published for entry in index.templates] == ["c:{id}", "ambassador:notes:c:{id}"]
    expanded, other = index.resource("c:7"), index.resource("ambassador:notes:c:7")
    assert expanded is not None
    assert (expanded.mcp_name, expanded.name) == ("files", "c:7")
    assert other is not None
    assert (other.mcp_name, other.name) == ("notes", "c:7")
    assert index.resource("d:1") is None
    assert index.resource("ambassador:unknown:a:1") is None


def test_an_unlisted_uri_belongs_to_the_only_mcp_with_resources():
    found = index_of({"git": ([], [])}).resource("d:1")
    assert found is not None
    assert (found.mcp_name, found.name, found.published) == ("git", "d:1", "d:1")


@pytest.mark.parametrize("prefix", ["", "ambassador:git:"])
def test_a_uri_that_is_too_long_leads_to_nothing(prefix: str):
    index = index_of({"git": (["a:1"], ["b:{+path}"])})
    for begin in ("b:", "d:"):
        longest = begin.ljust(LONGEST_MATCHED, "x")
        found = index.resource(prefix + longest)
        assert found is not None
        assert found.name == longest
        assert index.resource(prefix + longest + "x") is None


@pytest.mark.parametrize(
    ("template", "uri", "matches"),
    [
        ("test://{id}/data", "test://1/data", True),
        ("test://{id}/data", "test://1/2/data", False),
        ("test://{id}/data", "test://1/data/more", False),
        ("test://{+path}/data", "test://1/2/data", True),
        ("s:q{?a,b}", "s:q?a=1&b=2", True),
        ("s:q{?a,b}", "s:q", True),
        ("s:{x}{/rest*}", "s:1/2/3", True),
        ("s:{x}{#part}", "s:1#2", True),
        ("s:{x}{.ending}", "s:1.txt", True),
        ("no expression", "no expression", False),
        ("a.{x}", "ab1", False),
        ("{x", "{x", False),
    ],
)
def test_a_template_matches_what_it_may_expand_to(template, uri, matches):
    assert matches_template(template, uri) is matches


@given(st.text(alphabet="{}+x/?", max_size=30), st.text(alphabet="x/?+", max_size=30))
@example("{a}x" * 2000 + "y", "x" * 8000)
@example("{+a}{b}{+c}" * 500 + "!", "x" * 8000)
def test_no_template_is_an_error_or_takes_long(template, uri):
    assert matches_template(template, uri) in (True, False)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///public/../secret/x",
        "file:///public/./x",
        "file:///public/..",
        "file:///public/..?x",
        "file:///public/%2e%2e/secret",
        "file:///public/..%00/secret",
        "file:///public/%2500",
        "file:///public/..;a/secret",
        "file:///public/..%3Ba/secret",
        "file:///public/..%2fsecret",
        "file:///public/..%5Csecret",
        "file:///public/..\\secret",
        "file:///public/%252e%252e%252fsecret",
        "file:///public/%2525252525252e/x",
        "file:../secret",
        "file:///%73ecret/x",
        "FILE:///secret/x",
        "file:///public/x\n",
        "file:///public/x y",
        "file:///public/x\0",
        "public/x",
        "",
    ],
)
def test_a_uri_that_could_be_read_as_another_one_leads_to_nothing_unless_it_is_listed(uri):
    assert not is_unambiguous(uri)
    assert index_of({"files": ([], ["file:///{+path}"])}).resource(uri) is None
    assert index_of({"files": ([], [])}).resource(f"ambassador:files:{uri}") is None
    if not uri.startswith("ambassador:"):
        index = index_of({"files": ([uri], [])})
        for name in (uri, f"ambassador:files:{uri}"):
            found = index.resource(name)
            assert found is not None
            assert found.name == uri


@pytest.mark.parametrize(
    "uri",
    [
        "file:///public/a%20b.txt",
        "file:///public/a..b/.hidden/...",
        "repo://Owner/Repo@main/file?x=1#y",
        "fetch:https://example.com//a",
        "note:é",
        "urn:isbn:1",
        "x:100%25",
        "x:%",
    ],
)
def test_other_uris_are_read_as_they_are(uri):
    found = index_of({"files": ([], [])}).resource(uri)
    assert found is not None
    assert found.name == uri
