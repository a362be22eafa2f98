"""Parsing of tool arguments by the schema of the tool."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_client.cli.argument_rows import argument_rows
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
    told = read_arguments(wanted, ["tags=1", "tags=2", "at.line=7"], None)
    assert told == {"tags": [1, 2], "at": {"line": 7}}
    literal = schema(**{"a.b": {"type": "integer"}})
    assert read_arguments(literal, ["a.b=1"], None) == {"a.b": 1}
    with pytest.raises(UsageError, match="given 2 times"):
        read_arguments(schema(x={"type": "string"}), ["x=1", "x=2"], None)


def test_pairs_override_the_json_object():
    assert read_arguments({"type": "object"}, ["a=2"], '{"a": 1, "b": [null]}') == {"a": "2", "b": [None]}


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


ITEM = {"type": "object", "properties": {"id": {"type": "integer"}, "next": {"$ref": "#/$defs/Item"}}}
ISSUE = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "owner": {"anyOf": [{"$ref": "#/$defs/Owner"}, {"type": "null"}], "default": None},
        "level": {"allOf": [{"$ref": "#/$defs/Level"}], "description": "How bad it is."},
        "labels": {"type": "array", "items": {"$ref": "#/$defs/Level"}},
        "first": {"$ref": "#/$defs/Item"},
        "far": {"$ref": "https://elsewhere.example/schema.json"},
        "round": {"$ref": "#/properties/round"},
        "odd": {"$ref": "#/$defs/with~1slash%25"},
        "named": {"$ref": "#count"},
    },
    "required": ["title"],
    "$defs": {
        "Owner": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name"],
        },
        "Level": {"enum": ["low", "high"], "type": "string"},
        "Item": ITEM,
        "with/slash%": {"type": "boolean"},
        "Count": {"$anchor": "count", "type": "integer"},
    },
}


@pytest.mark.parametrize(
    ("pairs", "values"),
    [
        (["owner.name=Zoe", "owner.age=7"], {"owner": {"name": "Zoe", "age": 7}}),
        (["owner=null"], {"owner": None}),
        (["owner.age=8", 'owner={"name": "Zoe", "age": 7}'], {"owner": {"name": "Zoe", "age": 8}}),
        (["level=high"], {"level": "high"}),
        (["labels=low", "labels=high"], {"labels": ["low", "high"]}),
        (["first.id=1", "first.next.next.id=3"], {"first": {"id": 1, "next": {"next": {"id": 3}}}}),
        (["far=7"], {"far": "7"}),
        (["round=7"], {"round": "7"}),
        (["odd=yes", "named=3"], {"odd": True, "named": 3}),
    ],
)
def test_references_are_followed(pairs: list[str], values: dict[str, Any]):
    assert read_arguments(ISSUE, ["title=t", *pairs], None) == {"title": "t", **values}


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["owner.age=old"], "owner.age must be integer, not 'old'"),
        (["owner.age=7"], "the argument 'owner.name' is missing. Add owner.name=..., string"),
        (["owner.nam=Zoe"], "owner has no member 'nam'. Did you mean owner.name? It has: age, name."),
        (["level=hihg"], "level cannot be 'hihg'. Did you mean high? It is one of: low, high."),
        (["labels=up"], "labels cannot be 'up'. It is one of: low, high"),
        (
            ["owner=Zoe"],
            "owner must be null or object, not 'Zoe'. Write owner.name=..., or owner={...} in JSON.",
        ),
        (["titel=x"], "the tool takes no argument 'titel'. Did you mean title? It takes: far, first,"),
        (["title.x=1"], "title is string, which has no members. Write title=..."),
        (["first.next.id=x"], "first.next.id must be integer, not 'x'"),
    ],
)
def test_mistakes_in_what_references_describe_are_named(pairs: list[str], words: str):
    with pytest.raises(UsageError) as caught:
        read_arguments(ISSUE, ["title=t", *pairs], None)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given_json", "words"),
    [
        ('{"title": "t", "owner": {"name": "a", "age": "b"}}', 'owner.age must be integer, not "b"'),
        ('{"title": "t", "owner": {"name": "a", "agee": 1}}', "Did you mean owner.age?"),
        ('{"title": "t", "labels": ["low", "up"]}', 'labels cannot be "up"'),
        ('{"title": "t", "first": {"next": {"id": "1"}}}', 'first.next.id must be integer, not "1"'),
    ],
)
def test_mistakes_inside_the_json_option_are_named(given_json: str, words: str):
    with pytest.raises(UsageError) as caught:
        read_arguments(ISSUE, [], given_json)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "open_schema",
    [
        {"type": "object"},
        {},
        {**schema(x={}), "additionalProperties": True},
        {**schema(x={}), "additionalProperties": {}},
        {**schema(x={}), "patternProperties": {"^y": {}}},
        {"$ref": "#/$defs/Open", "$defs": {"Open": {"additionalProperties": {"type": "string"}}}},
    ],
)
def test_undeclared_arguments_are_sent_where_the_schema_allows_them(open_schema: dict[str, Any]):
    assert read_arguments(open_schema, ["yy=1"], None) == {"yy": "1"}


def test_undeclared_arguments_are_refused_unless_they_are_asked_for():
    with pytest.raises(UsageError, match=r"takes no argument 'tex'. Did you mean text\?"):
        read_arguments(schema(text={"type": "string"}), ["tex=a"], None)
    with pytest.raises(UsageError, match=r"takes no argument 'tex'. Did you mean text\?"):
        read_arguments(schema(text={"type": "string"}), [], '{"tex": "a"}')
    told = read_arguments(schema(text={"type": "string"}), ["tex=a", "b.c=1"], None, allow_unknown=True)
    assert told == {"tex": "a", "b": {"c": "1"}}


def test_additional_properties_give_the_type_of_members():
    counts = schema(counts={"type": "object", "additionalProperties": {"type": "integer"}})
    assert read_arguments(counts, ["counts.a=1", "counts.b=2"], None) == {"counts": {"a": 1, "b": 2}}
    with pytest.raises(UsageError, match=r"counts\.a must be integer"):
        read_arguments(counts, ["counts.a=x"], None)


def test_values_of_an_enumeration_without_a_type_keep_theirs():
    assert read_arguments(schema(x={"enum": [1, 2]}), ["x=2"], None) == {"x": 2}
    assert read_arguments(schema(x={"const": True}), ["x=true"], None) == {"x": True}


def test_values_are_read_from_files(tmp_path: Path):
    def given(content: bytes, **kind: Any) -> Any:
        (tmp_path / "value").write_bytes(content)
        return read_arguments(schema(x=kind), [f"x=@{tmp_path / 'value'}"], None)["x"]

    assert given("a\né\n".encode(), type="string") == "a\né\n"
    assert given("\ufeffa".encode(), type="string") == "a"
    assert given("é".encode("utf-16"), type="string") == "é"
    assert given(b"7\n", type="integer") == 7
    assert given(b"yes\n", type="boolean") is True
    assert given(b"low\n", enum=["low"]) == "low"
    assert given(b'{"a": [1]}\n', type="object") == {"a": [1]}
    assert given(b"[1, 2]", type="array", items={"type": "integer"}) == [1, 2]
    assert read_arguments(schema(x={"type": "string"}), ["x=@@home"], None) == {"x": "@home"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\x00", "is not UTF-8 text"),
        (b"ab\x80", "is not UTF-8 text: byte 3 is 0x80"),
        (None, "cannot be read"),
    ],
)
def test_files_that_are_no_text_or_missing_are_refused(tmp_path: Path, content: bytes | None, words: str):
    if content is not None:
        (tmp_path / "value").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_arguments(schema(x={"type": "string"}), [f"x=@{tmp_path / 'value'}"], None)
    assert words in str(caught.value)


@pytest.mark.parametrize("pair", ["x=a\udcffb", "x=@", "x=@\0", "x=@/dev/null/below"])
def test_values_that_are_no_text_are_refused(pair: str):
    with pytest.raises(UsageError):
        read_arguments(schema(x={"type": "string"}), [pair], None)


def test_half_a_character_in_json_is_refused():
    with pytest.raises(UsageError, match="not UTF-8 text"):
        read_arguments({"type": "object"}, [], '{"x": {"y": ["\\ud800"]}}')


def test_rows_show_types_defaults_values_and_nested_members():
    rows = {row["argument"]: row for row in argument_rows(ISSUE)}
    assert list(rows["title"]) == ["argument", "type", "required", "default", "values", "description"]
    assert (rows["title"]["required"], rows["owner"]["default"]) == (True, "null")
    assert rows["owner.age"]["type"] == "integer"
    assert rows["owner.name"]["required"] is True
    assert (rows["level"]["values"], rows["level"]["description"]) == ("low, high", "How bad it is.")
    assert (rows["labels"]["type"], rows["labels"]["values"]) == ("array of string", "low, high")
    assert rows["first"]["type"] == "object"
    assert "first.next" in rows
    assert "first.next.next" not in rows
    assert rows["round"]["type"] == "any value"
    nested = schema(a={"type": "array", "items": schema(b={"type": "integer"})})
    assert [row["argument"] for row in argument_rows(nested)] == ["a", "a[].b"]
    assert list(argument_rows(nested)[0]) == ["argument", "type", "required"]
    assert argument_rows({}) == []


def test_values_that_are_no_text_are_shown_as_they_are_typed():
    (row,) = argument_rows(schema(x={"enum": ["a", None, True, 1]}))
    assert row["values"] == "a, null, true, 1"
    with pytest.raises(UsageError, match="It is one of: a, null, true, 1"):
        read_arguments(schema(x={"enum": ["a", None, True, 1]}), ["x=b"], None)
    (row,) = argument_rows(schema(x={"type": "string", "default": ""}))
    assert row["default"] == '""'


def test_schemas_that_branch_without_end_are_read_in_bounded_time():
    options = [{"anyOf": [{"$ref": f"#/$defs/{number + 1}"}] * 2} for number in range(3000)]
    wide = {"$defs": {str(number): each for number, each in enumerate(options)}, **options[0]}
    circle: dict[str, Any] = {"anyOf": [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"type": "object"}]}
    deep = {"properties": {f"p{number}": {"$ref": "#"} for number in range(200)}}
    for each in (wide, circle, deep):
        assert read_arguments(each, [], None) == {}
        assert len(argument_rows(each)) <= 300
    path = ".".join(["p1"] * 400)
    assert read_arguments(deep, [f'{path}={{"p2": {{}}}}'], None)
    with pytest.raises(UsageError, match="nested deeper"):
        read_arguments(deep, [".".join(["p1"] * 600) + "=x"], None)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=9), inside, max_size=3),
    max_leaves=9,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["type", "properties", "required", "anyOf", "items", "enum", "$ref", "allOf", "$defs"]
        ),
        ANY_JSON | st.sampled_from(["#", "#/$defs", "#/properties/a", "#/allOf/0"]),
    ),
    st.lists(st.text(max_size=20) | st.sampled_from(["a=1", "a.b=1", "a.b.c=[1]"]), max_size=4),
)
def test_any_schema_and_text_is_parsed_or_refused(hostile: dict[str, Any], pairs: list[str]):
    argument_rows(hostile)
    try:
        told = read_arguments(hostile, [pair.replace("=@", "=") for pair in pairs], None)
    except UsageError:
        return
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("text", ['{"x": [NaN]}', '{"x": Infinity}', '{"x": {"y": 1e999}}'])
def test_number_that_json_lacks_is_refused(text: str):
    with pytest.raises(UsageError, match=r"--json (is not JSON|contains a number that is too large)"):
        read_arguments({}, [], text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[NaN]", "x is not JSON"),
        ("[-Infinity]", "x is not JSON"),
        ("[1, 1e999]", "x contains a number that is too large"),
        ("[1, ", "x is not JSON"),
        ("[" * 501 + "]" * 501, "x is nested deeper"),
    ],
)
def test_value_that_only_looks_like_json_is_refused(text: str, words: str):
    for kind in ({"type": "array"}, {"type": "array", "items": {"type": "number"}}):
        with pytest.raises(UsageError, match=words):
            read_arguments(schema(x=kind), [f"x={text}"], None)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("people.name=x", "Write people={...} in JSON, once per item."),
        ("people.0.name=x", "Write people={...} in JSON, once per item."),
        ("people=x", "Write people.name=..., or people={...} in JSON."),
        ("tags.0=x", "Write tags=..."),
        ("sizes=1,2", "A list is given as sizes=... once per item."),
    ],
)
def test_lists_are_explained(pair: str, words: str):
    person = {"type": "object", "properties": {"name": {"type": "string"}}}
    lists = schema(
        people={"type": "array", "items": person},
        tags={"type": "array", "items": {"type": "string"}},
        sizes={"type": "array", "items": {"type": "integer"}},
    )
    with pytest.raises(UsageError) as caught:
        read_arguments(lists, [pair], None)
    assert words in str(caught.value)
