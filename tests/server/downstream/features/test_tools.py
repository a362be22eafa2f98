"""Lists of tools and mirrored parameters, also from a hostile downstream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import find_invalid_x_mcp_header, mcp_param_headers, x_mcp_header_map

from ambassador_protocol.param_headers import InvalidAnnotationError, param_headers, read_header_map
from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.downstream.features import pages as walk
from ambassador_server.downstream.features.list_faults import MOST_KEPT, ListFaults
from ambassador_server.downstream.features.pages import read_list
from ambassador_server.downstream.features.tools import TOOLS
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Reply

INPUT = b'"inputSchema":{"type":"object"}'


def asking(*pages: bytes | None) -> Any:
    """Return an `ask` that answers with these pages, then with the last one forever."""
    asked: list[bytes] = []

    async def ask(method: str, params: bytes) -> Reply:
        assert method == "tools/list"
        asked.append(params)
        page = pages[min(len(asked), len(pages)) - 1]
        return Reply(result=page, error=None if page is not None else b'{"code":-32601,"message":"no"}')

    ask.asked = asked  # type: ignore[attr-defined]  # what was asked, for the test
    return ask


async def test_entries_without_a_name_and_repeated_names_are_left_out():
    page = b"""{"tools": [
        {"name": "a", "description": "first", "annotations": {"readOnlyHint": true}},
        {"name": "a", "description": "second"},
        {"noname": 1}, 5, null, {"name": ""}, {"name": 7}, {"name": "line\\nend"},
        {"name": "b", "description": null, "annotations": [1]},
        {"name": "c", "annotations": {"readOnlyHint": "yes", "destructiveHint": 0}}
    ]}"""
    left_out = ListFaults()
    found = await read_list(TOOLS, asking(page), left_out)
    assert [(tool.name, tool.description, tool.tool_class) for tool in found] == [
        ("a", "first", ToolClass.READ_ONLY),
        ("b", "", ToolClass.DESTRUCTIVE),
        ("c", "", ToolClass.DESTRUCTIVE),
    ]
    assert left_out.count == 7
    assert [tool.name for tool in left_out.first] == ["a", "", "", "", "", "", "line\\nend"]
    assert left_out.first[0].reason == "an earlier tool of the list has the same name"


async def test_a_tool_that_is_listed_twice_with_the_same_definition_is_one_tool():
    left_out = ListFaults()
    found = await read_list(TOOLS, asking(b'{"tools": [{"name": "a"}, { "name":"a" }]}'), left_out)
    assert [tool.name for tool in found] == ["a"]
    assert left_out.count == 0


async def test_only_the_first_tools_that_are_left_out_are_kept_and_their_names_are_short():
    many = json.dumps({"tools": [{"name": "\x1b" * 5000} for _ in range(100)]}).encode()
    left_out = ListFaults()
    assert await read_list(TOOLS, asking(many), left_out) == ()
    assert (left_out.count, len(left_out.first)) == (100, MOST_KEPT)
    assert left_out.first[0].name.startswith("\\x1b\\x1b")
    assert len(left_out.first[0].name) < 2000


async def test_cursors_are_passed_on_unchanged():
    ask = asking(b'{"tools":[],"nextCursor":""}', b'{"tools":[],"nextCursor":"\xc3\xa9\\""}', b'{"tools":[]}')
    assert await read_list(TOOLS, ask, ListFaults()) == ()
    assert [json.loads(params) for params in ask.asked] == [{}, {"cursor": ""}, {"cursor": 'é"'}]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (None, "refused to list its tools"),
        (b"{}", "not MCP"),
        (b'{"tools":{}}', "not MCP"),
        (b'{"tools":[{"name":"a"}],"nextCursor":', "not MCP"),
    ],
)
async def test_a_refused_or_malformed_list_is_an_error(page: bytes | None, text: str):
    with pytest.raises(DownstreamUnavailableError, match=text):
        await read_list(TOOLS, asking(page), ListFaults())


@pytest.mark.parametrize(
    ("cursor", "requests", "warning"),
    [
        (b'"again"', 2, "came before"),
        (b'""', 2, "came before"),
        (b"5", 1, "is no text"),
        (b'["x"]', 1, "is no text"),
        (b"false", 1, "is no text"),
    ],
)
async def test_a_list_ends_with_a_warning_at_a_cursor_that_leads_nowhere(
    cursor: bytes, requests: int, warning: str
):
    ask = asking(
        b'{"tools":[{"name":"a",' + INPUT + b'},{"name":"b",' + INPUT + b'}],"nextCursor":' + cursor + b"}"
    )
    faults = ListFaults()
    assert [tool.name for tool in await read_list(TOOLS, ask, faults)] == ["a", "b"]
    assert len(ask.asked) == requests
    (told,) = faults.result().warnings
    assert warning in told


async def test_a_list_whose_empty_cursor_is_refused_is_whole():
    ask = asking(b'{"tools":[{"name":"a",' + INPUT + b'}],"nextCursor":""}', None)
    faults = ListFaults()
    assert [tool.name for tool in await read_list(TOOLS, ask, faults)] == ["a"]
    assert faults.result().warnings == ()


async def test_a_definition_that_strict_hosts_refuse_is_kept_with_a_warning():
    faults = ListFaults()
    page = (
        b'{"tools":[{"name":"a"},{"name":"a"},{"name":"b",' + INPUT + b',"outputSchema":{"type":"array"}}]}'
    )
    assert [tool.name for tool in await read_list(TOOLS, asking(page), faults)] == ["a", "b"]
    assert faults.result().warnings == (
        "the tool 'a' is changed for hosts: its inputSchema is missing",
        "the tool 'b' is changed for hosts: for legacy hosts, its outputSchema is not of type object and left out",
    )


async def test_only_the_first_warnings_are_kept():
    faults = ListFaults()
    for number in range(MOST_KEPT + 5):
        faults.warn(f"\x1b{number}" + "y" * 5000)
    warnings = faults.result().warnings
    assert warnings[-1] == "5 more warnings"
    assert len(warnings) == MOST_KEPT + 1
    assert all(len(each) < 1000 and each.isprintable() for each in warnings)


async def test_a_list_with_ever_new_cursors_keeps_its_tools_and_warns():
    pages = [b'{"tools":[{"name":"a",' + INPUT + b'}],"nextCursor":"%d"}' % number for number in range(1001)]
    faults = ListFaults()
    ask = asking(*pages)
    assert [tool.name for tool in await read_list(TOOLS, ask, faults)] == ["a"]
    assert len(ask.asked) == 21
    (told,) = faults.result().warnings
    assert "20 without a new tool" in told


async def test_a_list_of_too_many_pages_keeps_its_tools_and_warns():
    pages = [
        b'{"tools":[{"name":"a%d",%b}],"nextCursor":"%d"}' % (number, INPUT, number) for number in range(1001)
    ]
    faults = ListFaults()
    assert len(await read_list(TOOLS, asking(*pages), faults)) == 1000
    assert "after 1000 pages" in faults.result().warnings[0]


async def test_pages_without_tools_do_not_end_a_list():
    pages = [b'{"tools":[],"nextCursor":"%d"}' % number for number in range(19)]
    faults = ListFaults()
    last = b'{"tools":[{"name":"a",' + INPUT + b"}]}"
    assert [tool.name for tool in await read_list(TOOLS, asking(*pages, last), faults)] == ["a"]
    assert faults.result().warnings == ()


async def test_null_is_an_empty_list():
    assert await read_list(TOOLS, asking(b'{"tools":null}'), ListFaults()) == ()


async def test_endless_lists_are_given_up(monkeypatch: pytest.MonkeyPatch):
    many = json.dumps({"tools": [{"name": f"t{number}"} for number in range(10_001)]}).encode()
    with pytest.raises(DownstreamUnavailableError, match="more than 10000 tools"):
        await read_list(TOOLS, asking(many), ListFaults())
    monkeypatch.setattr(walk, "_MAX_BYTES", 100)
    with pytest.raises(DownstreamUnavailableError, match="100 bytes"):
        await read_list(
            TOOLS, asking(json.dumps({"tools": [{"name": "a", "x": "y" * 100}]}).encode()), ListFaults()
        )


async def test_a_large_page_is_split_into_the_same_definitions():
    pad = 'x"],{}[' * 100
    definitions = [
        {"name": f"t{number}", "description": pad, "x": [[], {"a": [pad]}]} for number in range(1000)
    ]
    page = json.dumps({"tools": definitions}, indent=1).encode()
    assert len(page) > 1024 * 1024
    found = await read_list(TOOLS, asking(page), ListFaults())
    assert [json.loads(tool.definition) for tool in found] == definitions


async def test_a_page_of_more_entries_than_tools_may_be_offered_is_not_decoded():
    page = b'{"tools":[' + b",".join([b"0"] * 2_000_000) + b"]}"
    with pytest.raises(DownstreamUnavailableError, match="more than 20000 tools on one page"):
        await read_list(TOOLS, asking(page), ListFaults())


async def test_a_huge_definition_costs_one_tool_and_is_not_decoded():
    huge = b'{"name":"huge","description":[' + b",".join([b"[]"] * 500_000) + b"]}"
    left_out = ListFaults()
    found = await read_list(TOOLS, asking(b'{"tools":[' + huge + b',{"name":"small"}]}'), left_out)
    assert [tool.name for tool in found] == ["small"]
    assert left_out.first[0].name == "huge"
    assert "larger than" in left_out.first[0].reason


LEAF = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "boolean", "number", "object", 5]),
        "x-mcp-header": st.sampled_from(["Region", "region", "Zone", "not a token", "", 5]),
        "default": st.just({"x-mcp-header": "Data"}),
    },
)
SCHEMA = st.recursive(
    LEAF,
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("object")},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "items": inner,
            "anyOf": st.lists(inner, max_size=2),
            "$defs": st.dictionaries(st.sampled_from("de"), inner, max_size=2),
            "enum": st.lists(inner, max_size=1),
        },
    ),
    max_leaves=6,
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(SCHEMA, VALUE)
def test_mirrored_parameters_agree_with_the_sdk(schema: dict[str, Any], arguments: Any):
    definition = json.dumps({"name": "t", "inputSchema": schema}).encode()
    if find_invalid_x_mcp_header(schema) is not None:
        with pytest.raises(InvalidAnnotationError):
            read_header_map(definition)
        return
    header_map = read_header_map(definition)
    assert header_map == x_mcp_header_map(schema)
    given_arguments = arguments if isinstance(arguments, dict) else {}
    assert param_headers(header_map, given_arguments) == mcp_param_headers(header_map, given_arguments)
