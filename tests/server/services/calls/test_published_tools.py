"""What hosts get of a tool that an administrator has changed, and what stays the downstream's."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.definition_digest import definition_digest
from ambassador_server.domain.catalog.mcps import (
    DownstreamState,
    DownstreamStatus,
    Mcp,
    Tool,
    ToolClass,
    classify_tool,
)
from ambassador_server.domain.catalog.transforms import ToolTransform, ToolTransforms
from ambassador_server.ports.exchange import Reply
from ambassador_server.services.calls.call_edits import CallEdits
from ambassador_server.services.calls.catalog_index import CatalogIndex, build_index
from ambassador_server.services.calls.published_tools import published_tool, published_tools
from tests.server.worlds import MCP

SCHEMA = {
    "type": "object",
    "properties": {"query": {"type": "string"}, "tenant": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["query", "tenant", "limit"],
    "x-kept": 12345678901234567890123,
}


def tool(name: str = "search", **members: Any) -> Tool:
    definition = {"name": name, "description": "Finds.", "inputSchema": SCHEMA, "x-vendor": [1], **members}
    raw = json.dumps(definition).encode()
    return Tool(
        name=name,
        description="Finds.",
        tool_class=classify_tool(members.get("annotations", {})),
        definition=raw,
        digest=definition_digest(raw),
    )


def changed(**tools: ToolTransform) -> Mcp:
    every = tools.pop("every", None)
    by_tool = {**tools, **({} if every is None else {"*": every})}
    return replace(MCP, transforms=ToolTransforms(by_tool=by_tool))


def one(transform: ToolTransform, offered: Tool) -> Tool:
    found = published_tool(changed(search=transform), offered)
    assert found is not None
    assert found.offered is offered
    assert found.tool.digest == offered.digest
    return found.tool


def test_definition_without_a_change_is_the_same_object() -> None:
    offered = tool()
    (found,) = published_tools(MCP, [offered])
    assert found.tool is found.offered is offered
    assert found.edits is None


def test_fixed_arguments_leave_the_schema_and_defaults_enter_it() -> None:
    transform = ToolTransform(
        fixed_arguments={"tenant": '"acme"'}, default_arguments={"limit": "12345678901234567890123"}
    )
    definition = one(transform, tool()).definition
    assert b'"default":12345678901234567890123' in definition
    schema = json.loads(definition)["inputSchema"]
    assert list(schema["properties"]) == ["query", "limit"]
    assert schema["required"] == ["query"]
    assert schema["x-kept"] == SCHEMA["x-kept"]
    assert json.loads(definition)["x-vendor"] == [1]


@pytest.mark.parametrize(
    "schema",
    [
        None,
        True,
        [],
        {"properties": 5},
        {"properties": {"tenant": True}, "required": "tenant"},
        {"required": [1, None]},
    ],
)
def test_odd_schemas_are_left_as_they_are_where_nothing_is_known(schema: Any) -> None:
    transform = ToolTransform(fixed_arguments={"tenant": "1"}, default_arguments={"limit": "2"})
    found = json.loads(one(transform, tool(inputSchema=schema)).definition)["inputSchema"]
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        assert found == {"properties": {}, "required": "tenant"}
    else:
        assert found == schema


def test_description_and_annotations_are_those_of_the_administrator() -> None:
    transform = ToolTransform(
        description="Looks.", description_suffix="Only here.", annotations={"readOnlyHint": True}
    )
    offered = tool(annotations={"destructiveHint": True, "x-kept": 1})
    found = one(transform, offered)
    assert (found.description, found.tool_class) == ("Looks.\n\nOnly here.", ToolClass.READ_ONLY)
    members = json.loads(found.definition)
    assert members["description"] == "Looks.\n\nOnly here."
    assert members["annotations"] == {"destructiveHint": True, "x-kept": 1, "readOnlyHint": True}
    assert offered.tool_class is ToolClass.DESTRUCTIVE


def test_what_is_said_of_one_tool_comes_before_what_is_said_of_all() -> None:
    every = ToolTransform(hidden=True, result_bytes=10, annotations={"title": "All", "openWorldHint": False})
    own = ToolTransform(hidden=False, annotations={"title": "Own"})
    mcp = changed(search=own, every=every)
    assert [each.tool.name for each in published_tools(mcp, [tool(), tool("other")])] == ["search"]
    (found,) = published_tools(mcp, [tool()])
    assert json.loads(found.tool.definition)["annotations"] == {"title": "Own", "openWorldHint": False}
    assert found.edits is not None
    assert found.edits.result_bytes == 10


def index(mcp: Mcp, *tools: Tool) -> CatalogIndex:
    state = DownstreamState(status=DownstreamStatus.READY, error=None, tools=tools)
    return build_index([mcp], lambda _: state, "__")


def names(found: CatalogIndex) -> set[str]:
    return {name for mapping in found.by_name.values() for name in mapping}


def test_renamed_tool_has_no_old_name_and_leads_to_the_downstreams_own() -> None:
    found = index(changed(search=ToolTransform(name="find")), tool())
    assert names(found) == {"git__find", "git.find", "git:find"}
    (entry,) = found.tools
    assert (entry.ref.name, entry.encoded_name, entry.published) == ("git.find", b'"search"', "git__find")
    assert entry.ref.digest == tool().digest


def test_name_that_was_given_is_not_that_of_another_tool() -> None:
    mcp = changed(search=ToolTransform(name="find"))
    assert names(index(mcp, tool(), tool("find"))) == {"git__find", "git.find", "git:find"}
    # Also while the tool that it was given to is gone.
    assert names(index(mcp, tool("find"))) == set()
    swapped = changed(search=ToolTransform(name="find"), find=ToolTransform(name="search"))
    entries = {each.name: each.ref.name for each in index(swapped, tool(), tool("find")).tools}
    assert entries == {"search": "git.find", "find": "git.search"}


def test_hidden_tool_has_no_name() -> None:
    assert names(index(changed(search=ToolTransform(hidden=True)), tool())) == set()


def test_definition_that_cannot_be_changed_is_not_offered() -> None:
    raw = b'{"name":"search","inputSchema":{"properties":{"\\ud800":{}},"required":["\\ud800"]}}'
    broken = replace(tool(), definition=raw)
    assert index(changed(search=ToolTransform(fixed_arguments={"a": "1"})), broken).tools == ()


async def replied(result: bytes | None, error: bytes | None = None) -> Reply:
    return Reply(result=result, error=error)


async def test_large_result_becomes_a_failed_one_and_that_of_a_task_an_error() -> None:
    edits = CallEdits(result_bytes=10)
    large = b'{"content":[]}'
    for fits in (b'{"a":1234}', None):
        assert await edits.bounded("tools/call", replied(fits, b"{}")) == Reply(result=fits, error=b"{}")
    found = await edits.bounded("tools/call", replied(large))
    assert found.result is not None
    result = json.loads(found.result)
    assert result["isError"]
    assert "14 bytes, and an administrator permits 10" in result["content"][0]["text"]
    found = await edits.bounded("tasks/get", replied(large))
    assert found.result is None
    assert b"an administrator permits 10" in (found.error or b"")


async def test_requests_about_a_task_get_no_arguments() -> None:
    edits = CallEdits(refused=frozenset({"a"}), fixed=(b'"a":1',))
    members = {"taskId": b'"t"'}
    assert await edits.arguments("tasks/get", members) is members
    assert await edits.arguments("tools/call", {}) == {"arguments": b'{"a":1}'}
