"""Parsing of tool arguments by the schema of the tool."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_client.cli.tool_arguments import read_arguments
from ambassador_client.errors import UsageError


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ({"type": "string"}, "5", "5"),
        ({"type": "string"}, "", ""),
        ({"type": "string"}, "a=b=c", "a=b=c"),
        ({"type": "integer"}, "-5", -5),
        ({"type": "integer"}, "123456789012345678901234567890", 123456789012345678901234567890),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "number"}, "2", 2),
        ({"type": "boolean"}, "Yes", True),
        ({"type": "boolean"}, "0", False),
        ({"type": "array", "items": {"type": "integer"}}, "[1,2]", [1, 2]),
        ({"type": "array", "items": {"type": "integer"}}, "7", [7]),
        ({"type": "object"}, '{"a":1}', {"a": 1}),
        ({"type": ["integer", "null"]}, "null", None),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "7", 7),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "seven", "seven"),
        ({"enum": ["a", "b"]}, "b", "b"),
        ({}, "5", "5"),
        (True, "5", "5"),
    ],
)
def test_values_are_converted_by_the_schema(kind: Any, text: str, value: Any):
    assert read_arguments(schema(x=kind), [f"x={text}"], None) == {"x": value}


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ({"type": "integer"}, "1.5", "x must be integer, not '1.5'"),
        ({"type": "integer"}, "true", "x must be integer"),
        ({"type": "number"}, "NaN", "x must be number"),
        ({"type": "number"}, "1e999", "x must be number"),
        ({"type": "boolean"}, "maybe", "x must be boolean"),
        ({"type": "object"}, "[1]", "x must be object"),
        ({"type": "array", "items": {"type": "integer"}}, "a", "x must be integer"),
        ({"enum": ["a", "b"]}, "c", "x cannot be 'c'. It is one of: a, b"),
    ],
)
def test_invalid_values_are_refused_with_the_argument_name(kind: Any, text: str, words: str):
    with pytest.raises(UsageError) as caught:
        read_arguments(schema(x=kind), [f"x={text}"], None)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_repeated_keys_make_a_list_and_dots_set_members():
    wanted = schema(tags={"type": "array", "items": {"type": "integer"}}, at=schema(line={"type": "integer"}))
    told = read_arguments(wanted, ["tags=1", "tags=2", "at.line=7", "a.b=1"], None)
    assert told == {"tags": [1, 2], "at": {"line": 7}, "a.b": "1"}
    with pytest.raises(UsageError, match="given 2 times"):
        read_arguments(schema(x={"type": "string"}), ["x=1", "x=2"], None)


def test_pairs_override_the_json_object():
    assert read_arguments(schema(), ["a=2"], '{"a": 1, "b": [null]}') == {"a": "2", "b": [None]}


@pytest.mark.parametrize("given_json", ["", "[]", "{", "1", '"a"'])
def test_json_option_must_be_an_object(given_json: str):
    with pytest.raises(UsageError):
        read_arguments(schema(), [], given_json)


def test_missing_unknown_and_malformed_arguments_are_named():
    with pytest.raises(UsageError, match=r"the argument 'x' is missing\. Add x=\.\.\., integer"):
        read_arguments(schema(("x",), x={"type": "integer"}), [], None)
    closed = {**schema(x={}), "additionalProperties": False}
    with pytest.raises(UsageError, match=r"takes no argument 'y'\. It takes: x"):
        read_arguments(closed, ["y=1"], None)
    for pair in ("x", "=1"):
        with pytest.raises(UsageError, match="is not an argument"):
            read_arguments(schema(), [pair], None)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=9), inside, max_size=3),
    max_leaves=9,
)


@given(
    st.dictionaries(st.sampled_from(["type", "properties", "required", "anyOf", "items", "enum"]), ANY_JSON),
    st.lists(st.text(max_size=20), max_size=4),
)
def test_any_schema_and_text_is_parsed_or_refused(hostile: dict[str, Any], pairs: list[str]):
    try:
        told = read_arguments(hostile, pairs, None)
    except UsageError:
        return
    json.dumps(told, allow_nan=False)
