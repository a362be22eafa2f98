"""Definitions of tools, also hostile ones, as hosts of each era can read them."""

import json
from typing import Any

import jsonschema
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
ODD = JSON.filter(lambda value: not isinstance(value, list))
SCHEMA = st.recursive(
    ODD,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "string", "array", "int", ["object"], []]) | ODD,
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | JSON,
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True) | ODD,
            "$defs": st.dictionaries(st.sampled_from("abc"), inner, max_size=2) | JSON,
            "$ref": st.sampled_from(
                ["#", "#/$defs/a", "#/properties/b", "#/nowhere", "other.json", "http://x/y"]
            )
            | ODD,
            "anyOf": st.lists(inner, max_size=2) | JSON,
            "items": inner,
            "not": inner,
            "additionalProperties": inner,
            "enum": JSON,
            "minimum": JSON,
            "maxLength": st.sampled_from([0, 5, 5.0, 5.5, -1, "5"]) | JSON,
            "multipleOf": st.sampled_from([0, 2, 0.5, -1]) | JSON,
            "uniqueItems": JSON,
            "description": JSON,
        },
    ),
    max_leaves=12,
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


def assert_schema(schema: dict[str, Any]) -> None:
    """Assert that a schema is valid, by another implementation, and that it refers to nothing which is not there."""
    jsonschema.Draft202012Validator.check_schema(schema)
    waiting: list[Any] = [schema]
    for part in waiting:
        if isinstance(part, dict):
            reference = part.get("$ref", "#")
            if isinstance(reference, str):
                assert reference.startswith("#")
                found = schema
                for step in reference.split("/")[1:]:
                    found = found[step]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


@given(DEFINITION, st.booleans())
def test_every_definition_becomes_one_that_hosts_can_read(definition: dict[str, Any], modern: bool):
    mended = for_host(definition, modern=modern)
    assert_readable(mended, modern=modern)
    for name in mended.keys() & {"inputSchema", "outputSchema"}:
        assert_schema(mended[name])
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


PROPERTIES = {
    "a type that does not exist": ({"type": "int", "title": "N"}, {"title": "N"}, "type in {a}"),
    "no types": ({"type": []}, {}, "type in {a}"),
    "required as in draft 3": ({"type": "string", "required": True}, {"type": "string"}, "required in {a}"),
    "nested properties": ({"properties": [], "type": "object"}, {"type": "object"}, "properties in {a}"),
    "a nested type": (
        {"type": "array", "items": {"type": "any"}},
        {"type": "array", "items": {}},
        "type in items in {a}",
    ),
    "a negative length": ({"minLength": -1}, {}, "minLength in {a}"),
    "no values": ({"enum": []}, {}, "enum in {a}"),
    "a limit as text": ({"maximum": "10"}, {}, "maximum in {a}"),
    "no alternatives": ({"anyOf": []}, {}, "anyOf in {a}"),
    "a flag as text": ({"additionalProperties": "no"}, {}, "additionalProperties in {a}"),
    "an alternative": (
        {"anyOf": [{"type": "string"}, {"type": None}]},
        {"anyOf": [{"type": "string"}, {}]},
        "type in anyOf.1 in {a}",
    ),
}


@pytest.mark.parametrize(("given_schema", "expected", "where"), PROPERTIES.values(), ids=PROPERTIES)
@pytest.mark.parametrize("modern", [False, True])
def test_a_schema_is_mended_at_any_depth(given_schema: Any, expected: Any, where: str, modern: bool):
    schema = {"type": "object", "properties": {"a": given_schema, "b": {"type": "string"}}, "big": 10**30}
    definition = {"name": "t", "inputSchema": schema, "outputSchema": schema}
    mended = for_host(definition, modern=modern)
    schema = schema | {"properties": {"a": expected, "b": {"type": "string"}}}
    assert mended == {"name": "t", "inputSchema": schema, "outputSchema": schema}
    assert host_warnings(json.dumps(definition).encode()) == [
        f"{where.format(a='properties.a')} in its {name} is invalid and left out"
        for name in ("inputSchema", "outputSchema")
    ]


@pytest.mark.parametrize("reference", ["#/$defs/gone", "#/properties/a/0", "gone.json", "http://x/gone.json"])
def test_a_reference_that_leads_nowhere_is_left_out(reference: str):
    schema = {"type": "object", "properties": {"a": {"$ref": reference, "title": "A"}}}
    definition = {"name": "t", "inputSchema": schema}
    assert for_host(definition, modern=True)["inputSchema"]["properties"]["a"] == {"title": "A"}
    assert host_warnings(json.dumps(definition).encode()) == [
        "a $ref in its inputSchema leads nowhere and is left out"
    ]


VALID = [
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#"}}},
    {"$defs": {"a": {"$id": "a.json"}}, "properties": {"x": {"$ref": "a.json"}}},
    {"$defs": {"a": {"$anchor": "a"}}, "properties": {"x": {"$ref": "#a"}}},
    {"properties": {"a/b%": {}, "x": {"$ref": "#/properties/a~1b%25"}}},
    {"allOf": [{"type": "object"}], "properties": {"x": {"$ref": "#/allOf/0"}}},
    {"properties": {"$ref": {"type": "string"}, "x": {"$ref": "http://json-schema.org/draft-07/schema#"}}},
    {"properties": {"n": {"type": "number", "minimum": 1, "exclusiveMinimum": True}}},
    {"properties": {"t": {"type": "array", "items": [{"type": "string"}, {}], "additionalItems": False}}},
    {
        "definitions": {"a": {}},
        "dependencies": {"a": ["b"], "c": {}},
        "properties": {"n": {"maxLength": 5.0}},
    },
    {"properties": {"n": {"type": "string", "format": "x", "nullable": True, "example": [], "x-odd": None}}},
]


@pytest.mark.parametrize("schema", VALID)
@pytest.mark.parametrize("modern", [False, True])
def test_what_a_draft_allows_is_kept(schema: dict[str, Any], modern: bool):
    definition = {"name": "t", "inputSchema": {"type": "object"} | schema, "outputSchema": {"type": "object"}}
    found = host_definition(json.dumps(definition).encode(), modern=modern)
    assert (found.changes, found.is_changed) == ((), False)


def test_a_schema_that_is_invalid_very_deep_is_replaced_there():
    schema: dict[str, Any] = {"type": "wrong"}
    for _ in range(100):
        schema = {"type": "object", "properties": {"a": schema}}
    mended = for_host({"name": "t", "inputSchema": schema}, modern=True)["inputSchema"]
    assert_schema(mended)
    assert mended["properties"]["a"]["properties"]["a"]["type"] == "object"


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
