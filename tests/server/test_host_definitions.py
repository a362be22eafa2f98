"""Definitions of tools, also hostile ones, as hosts of each era can read them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import methods
from pydantic import TypeAdapter

from ambassador_server.host_definitions import host_definition, host_warnings

LISTS = {
    False: TypeAdapter(methods.SERVER_RESULTS["tools/list", "2025-11-25"]),
    True: TypeAdapter(methods.SERVER_RESULTS["tools/list", "2026-07-28"]),
}
REST_OF_PAGE = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
SCHEMA = (
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "string", ["object"]]) | JSON,
            "properties": st.dictionaries(st.sampled_from("abc"), JSON | st.just({}), max_size=3) | JSON,
            "required": st.lists(st.sampled_from("abc"), max_size=2) | JSON,
            "$schema": JSON,
            "additionalProperties": JSON,
        },
    )
    | JSON
)
DEFINITION = st.fixed_dictionaries(
    {"name": st.just("t")},
    optional={
        "title": JSON,
        "description": JSON,
        "inputSchema": SCHEMA,
        "outputSchema": SCHEMA,
        "annotations": st.dictionaries(
            st.sampled_from(["title", "readOnlyHint", "destructiveHint", "x"]), JSON, max_size=3
        )
        | JSON,
        "icons": st.lists(
            st.fixed_dictionaries({}, optional={"src": JSON, "sizes": JSON, "theme": JSON}), max_size=2
        )
        | JSON,
        "execution": st.fixed_dictionaries({}, optional={"taskSupport": JSON}) | JSON,
        "_meta": JSON,
        "x": JSON,
    },
)


def for_host(definition: Any, *, modern: bool) -> dict[str, Any]:
    members = host_definition(json.dumps(definition).encode(), modern=modern).members
    return {name: json.loads(bytes(raw)) for name, raw in members.items()}


def assert_readable(definition: dict[str, Any], *, modern: bool) -> None:
    LISTS[modern].validate_python({"tools": [definition]} | (REST_OF_PAGE if modern else {}))
    if not modern:
        # Hosts written with the SDK for TypeScript refuse `null` and schemas that are flags.
        optional = ("title", "description", "annotations", "icons", "execution", "_meta", "outputSchema")
        assert all(definition[name] is not None for name in optional if name in definition)
        for name in ("inputSchema", "outputSchema"):
            properties = definition.get(name, {}).get("properties", {})
            assert all(isinstance(each, dict) for each in properties.values())


@given(DEFINITION, st.booleans())
def test_every_definition_becomes_one_that_hosts_can_read(definition: dict[str, Any], modern: bool):
    mended = for_host(definition, modern=modern)
    assert_readable(mended, modern=modern)
    assert for_host(mended, modern=modern) == mended
    if "x" in definition:
        assert mended["x"] == definition["x"]
    found = host_definition(json.dumps(definition).encode(), modern=modern)
    assert found.is_changed == (mended != definition)
    if not modern and not found.is_changed:
        assert for_host(definition, modern=True) == definition


@pytest.mark.parametrize("modern", [False, True])
def test_what_hosts_can_read_is_kept_byte_for_byte(modern: bool):
    schema = b'{ "type":"object", "properties":{"n":{"type":"number","default":1.0}}, "required":["n"] }'
    definition = b'{"name":"t","inputSchema":%b,"outputSchema":%b,"big":12345678901234567890123}' % (
        schema,
        schema,
    )
    found = host_definition(definition, modern=modern)
    assert found.changes == ()
    assert not found.is_changed
    assert bytes(found.members["inputSchema"]) == bytes(found.members["outputSchema"]) == schema
    assert bytes(found.members["big"]) == b"12345678901234567890123"


@pytest.mark.parametrize(
    ("definition", "expected", "warnings"),
    [
        ({}, {"inputSchema": {"type": "object"}}, ["its inputSchema is missing"]),
        ({"inputSchema": None}, {"inputSchema": {"type": "object"}}, ["its inputSchema is no object"]),
        ({"inputSchema": {}}, {"inputSchema": {"type": "object"}}, ["its inputSchema is not of type object"]),
        (
            {"inputSchema": {"type": "object", "properties": []}},
            {"inputSchema": {"type": "object"}},
            ["properties in its inputSchema is invalid and left out"],
        ),
        (
            {"inputSchema": {"type": "object", "properties": {"a": None}, "required": None}},
            {"inputSchema": {"type": "object", "properties": {"a": {}}}},
            [
                "required in its inputSchema is invalid and left out",
                "a property in its inputSchema has no schema",
            ],
        ),
        (
            {"inputSchema": {"type": "object"}, "outputSchema": None, "title": 5},
            {"inputSchema": {"type": "object"}},
            ["its outputSchema is no object and left out", "title of it is invalid and left out"],
        ),
        (
            {"inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": "yes", "title": "T"}},
            {"inputSchema": {"type": "object"}, "annotations": {"title": "T"}},
            ["readOnlyHint in its annotations is invalid and left out"],
        ),
    ],
)
@pytest.mark.parametrize("modern", [False, True])
def test_an_unreadable_definition_is_mended_with_a_warning(
    definition: dict[str, Any], expected: dict[str, Any], warnings: list[str], modern: bool
):
    assert for_host({"name": "t"} | definition, modern=modern) == {"name": "t"} | expected
    assert host_warnings(json.dumps({"name": "t"} | definition).encode()) == warnings


def test_an_output_that_is_no_object_is_told_to_modern_hosts_only():
    definition = {"name": "t", "inputSchema": {"type": "object"}, "outputSchema": {"type": "array"}}
    assert for_host(definition, modern=True) == definition
    assert "outputSchema" not in for_host(definition, modern=False)
    assert host_warnings(json.dumps(definition).encode()) == [
        "for legacy hosts, its outputSchema is not of type object and left out"
    ]


def test_a_schema_that_is_a_flag_has_the_same_meaning_for_legacy_hosts():
    schema = {"type": "object", "properties": {"any": True, "none": False}}
    definition = {"name": "t", "inputSchema": schema}
    assert for_host(definition, modern=True) == definition
    properties = for_host(definition, modern=False)["inputSchema"]["properties"]
    assert properties == {"any": {}, "none": {"not": {}}}
    assert host_warnings(json.dumps(definition).encode()) == []
