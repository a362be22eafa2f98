"""The common arguments of tools, and the answer of a broadcast, whatever MCPs describe and answer."""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import jsonschema
import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from ambassador_server.domain.catalog.common_arguments import (
    ToolArguments,
    common_arguments,
    differing,
    read_arguments,
)
from ambassador_server.domain.catalog.mcps import (
    Broadcast,
    DownstreamState,
    DownstreamStatus,
    Mcp,
    Tool,
    classify_tool,
)
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.services.calls.broadcast_definitions import OUTPUT_SCHEMA, tool_definition
from ambassador_server.services.calls.broadcast_index import BroadcastIndex
from ambassador_server.services.calls.broadcast_results import LEAST_BYTES, TargetAnswer, broadcast_result
from ambassador_server.services.calls.catalog_index import build_index
from ambassador_server.services.calls.own_tools import View
from tests.server.worlds import GRANT, MCP, NOW, PRINCIPAL, snapshot

NAMES = st.sampled_from(["query", "index", "limit", "title", "$ref"])
PROPERTY = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "title": "Query"},
        {"type": "integer"},
        {"enum": ["a", {"title": "kept"}]},
        {"$ref": "#/$defs/One"},
        {"type": "object", "properties": {"title": {"type": "string"}}},
        True,
    ]
)
SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(NAMES, PROPERTY, max_size=4)},
    optional={
        "required": st.lists(NAMES, max_size=3, unique=True),
        "additionalProperties": st.booleans(),
        "$defs": st.sampled_from([{"One": {"type": "string"}}, {"One": {"type": "integer"}}]),
        "description": st.text(max_size=5),
        "minProperties": st.integers(0, 1),
    },
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def read(schema: Any) -> ToolArguments | None:
    return read_arguments(json.dumps({"name": "x", "inputSchema": schema}).encode())


@given(st.lists(SCHEMAS, min_size=1, max_size=6))
def test_what_the_common_schema_permits_fits_to_every_chosen_tool(schemas: list[dict[str, Any]]):
    tools = [read(schema) for schema in schemas]
    common = common_arguments(tools)
    assert common is not None
    names = common.schema["properties"].keys()
    for position in common.positions:
        tool = tools[position]
        assert tool is not None
        assert set(common.schema.get("required", ())) >= tool.required
        assert names >= tool.required
        assert names.isdisjoint(common.partial)
        for name in names:
            first = tools[common.positions[0]]
            assert first is not None
            assert tool.properties[name] == first.properties[name]
    for position, tool in enumerate(tools):
        if position not in common.positions and tool is not None:
            chosen = [each for at in common.positions if (each := tools[at]) is not None]
            assert differing(tool, chosen) or any(tool.rest != each.rest for each in chosen)


@given(st.lists(SCHEMAS, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_number_of_tools_does_not_fall_when_equal_ones_join(schemas: list[dict[str, Any]], random: Any):
    first = common_arguments([read(each) for each in schemas])
    more = common_arguments([read(each) for each in [*schemas, random.choice(schemas)]])
    assert first is not None
    assert more is not None
    assert len(more.positions) >= len(first.positions)


@given(SCHEMAS)
def test_tools_that_differ_in_words_alone_are_called_alike(schema: dict[str, Any]):
    described = {**schema, "description": "other words", "title": "Other"}
    common = common_arguments([read(schema), read(described), None])
    assert common is not None
    assert common.positions == (0, 1)
    assert not common.partial
    definition = tool_definition("search", ["a", "b"], common.schema, "finds")
    jsonschema.Draft202012Validator.check_schema(definition["inputSchema"])
    arguments = definition["inputSchema"]["properties"]["arguments"]
    assert arguments["properties"].keys() >= set(schema["properties"])


@given(VALUES | st.just({"$ref": "#/properties/a"}) | st.just({"type": "array"}))
def test_what_is_no_schema_of_an_object_takes_part_in_nothing_or_is_read(value: Any):
    found = read(value)
    assert found is None or isinstance(value, dict)
    assert read_arguments(b"{" * 100_000) is None
    assert read_arguments(b'{"inputSchema": {"type": "object", "maxProperties": 1e999}}') is None
    assert read({"properties": {"a": {"$ref": "#/properties/b"}}}) is None


TEXTS = st.text(max_size=30) | st.sampled_from(
    ["x" * 40_000, "\0" * 20_000, "\n" * 9000, "ü" * 30_000, '"\\' * 9000]
)
BLOCKS = st.lists(
    TEXTS.map(lambda text: {"type": "text", "text": text})
    | st.just({"type": "image", "mimeType": "image/png", "data": "A" * 50_000})
    | st.just({"type": "resource_link", "uri": "file:///x", "name": "x"})
    | st.just({"type": 7}),
    max_size=3,
)
RESULTS = st.fixed_dictionaries({"content": BLOCKS}, optional={"structuredContent": VALUES | TEXTS})


@st.composite
def answers(draw: st.DrawFn) -> list[TargetAnswer]:
    found = []
    for number in range(draw(st.integers(1, 32))):
        server = f"{number:02}{'s' * draw(st.sampled_from([1, 98]))}"
        if draw(st.booleans()):
            result = {name: Raw(msgspec.json.encode(each)) for name, each in draw(RESULTS).items()}
            found.append(TargetAnswer(server=server, result=result, size=draw(st.integers(0, 10**9))))
        else:
            found.append(TargetAnswer(server=server, error=draw(TEXTS), reason="downstream_unavailable"))
    return found


@given(answers(), st.text(max_size=500), st.sampled_from([LEAST_BYTES, 200_000, 2**26]))
def test_an_answer_is_bounded_and_valid_whatever_the_mcps_answer(
    found: list[TargetAnswer], tool: str, most_bytes: int
):
    raw = broadcast_result(tool, found, 12, most_bytes)
    assert len(raw) <= most_bytes
    result = json.loads(raw)
    structured = result["structuredContent"]
    jsonschema.validate(structured, dict(OUTPUT_SCHEMA))
    good = {each.server for each in found if each.result is not None}
    assert structured["results"].keys() == good
    assert (
        structured["errors"].keys() == {each.server for each in found} - good == structured["reasons"].keys()
    )
    assert (structured["successful"], structured["failed"]) == (len(good), len(found) - len(good))
    assert structured["truncated"].keys() <= good
    assert result["isError"] is (not good)
    text, *others = result["content"]
    assert [each["type"] for each in others[::2]] == ["text"] * (len(others) // 2)
    assert {each["text"][1:-1] for each in others[::2]} <= good
    assert {each["type"] for each in others[1::2]} <= {"image", "audio"}
    text = text["text"]
    heads = [line for line in text.split("\n") if line.startswith("[") and not line.startswith("[cut")]
    assert len(heads) == len(found)


@given(answers())
def test_with_room_nothing_is_cut(found: list[TargetAnswer]):
    structured = json.loads(broadcast_result("search", found, 0, 2**26))["structuredContent"]
    assert structured["truncated"] == {}
    for each in found:
        if each.result is not None:
            given_result = {name: json.loads(bytes(raw)) for name, raw in each.result.items()}
            assert structured["results"][each.server] == given_result


MCP_NAMES = ("east", "north", "south", "west")
OFFERS = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries(
            {
                "tools": st.dictionaries(
                    st.sampled_from(["search", "count", "by_tag__logs"]),
                    st.tuples(SCHEMAS, st.booleans()),
                    max_size=3,
                ),
                "tags": st.lists(st.sampled_from(["logs", "site-one"]), max_size=2),
                "broadcast": st.sampled_from(Broadcast),
            }
        )
        for name in MCP_NAMES
    }
)


def mcp_of(name: str, offered: dict[str, Any]) -> Mcp:
    tags = tuple(offered["tags"])
    return replace(MCP, mcp_id=name, name=name, tags=tags, broadcast=offered["broadcast"])


def tools_of(offered: dict[str, Any]) -> tuple[Tool, ...]:
    found = []
    for name, (schema, reads) in offered["tools"].items():
        hints = {"readOnlyHint": True} if reads else {}
        definition = {"name": name, "inputSchema": schema, "annotations": hints}
        found.append(
            Tool(
                name=name,
                description=f"Does {name}",
                tool_class=classify_tool(hints),
                definition=json.dumps(definition).encode(),
                digest=name,
            )
        )
    return tuple(found)


def seen(offers: dict[str, dict[str, Any]], permitted: Collection[str]) -> list[tuple[str, bytes]]:
    """Return what a user gets who may use these MCPs alone."""
    mcps = [mcp_of(name, each) for name, each in offers.items()]

    def state(mcp_id: str) -> DownstreamState:
        tools = tools_of(offers[mcp_id])
        return DownstreamState(status=DownstreamStatus.READY, error=None, tools=tools)

    grants = [replace(GRANT, grant_id=name, mcp_id=name) for name in permitted]
    policy = snapshot(mcps=mcps, grants=grants)
    index = build_index(mcps, state, "__")
    view = View(PrincipalPolicy(policy, PRINCIPAL, NOW), policy, index, lambda: index)
    return [(each.published, each.definition) for each in BroadcastIndex(index, "__", 32).listed(view)]


@given(OFFERS, st.sets(st.sampled_from(MCP_NAMES)))
def test_what_is_hidden_from_a_user_changes_nothing_of_what_the_user_gets(
    offers: dict[str, dict[str, Any]], hidden: set[str]
):
    permitted = [name for name in MCP_NAMES if name not in hidden]
    found = seen(offers, permitted)
    assert found == seen({name: offers[name] for name in permitted}, permitted)
    assert len({name for name, _ in found}) == len(found)
    for _, definition in found:
        assert not any(name.encode() in definition for name in hidden)
