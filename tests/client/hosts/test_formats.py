"""The format editors: they change one entry and keep the rest of the file, byte for byte in JSON and YAML."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_client.hosts.formats.editor import (
    DEEPEST,
    Editor,
    ElementNamed,
    FormatError,
    find,
    is_same,
    without_entry,
)
from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.formats.toml import TomlEditor
from ambassador_client.hosts.formats.yaml import YamlEditor

JSONC, TOML, YAML = JsoncEditor(), TomlEditor(), YamlEditor()
PLACE = ("mcpServers", "ambassador")
ENTRY = {
    "command": "/opt/a b/ambassador-client",
    "args": ["proxy", "--server", "https://é.example"],
    "env": {"A": "b"},
}

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x85"), max_size=6)
_LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=8
)
_NOISE = st.lists(
    st.sampled_from(
        [" ", "\t", "\n", "\r\n", "// it's {\n", '// " , }\r\n', '/* [, } " // */', "/***/", "/* é\n */"]
    ),
    max_size=2,
).map("".join)


@st.composite
def documents(draw: st.DrawFn, value: Any = None) -> str:
    """Generate JSON with comments, any white space, trailing commas and optionally other servers."""
    if value is None:
        value = draw(st.dictionaries(_TEXT, _VALUE, max_size=3))
        if draw(st.booleans()):
            servers = draw(st.dictionaries(_TEXT, _VALUE, max_size=3))
            value = {**value, "mcpServers": {k: v for k, v in servers.items() if k != "ambassador"}}
    return draw(_NOISE) + _write(draw, value) + draw(_NOISE)


def _write(draw: st.DrawFn, value: Any) -> str:
    if isinstance(value, dict):
        parts = [
            f"{draw(_NOISE)}{json.dumps(key)}{draw(_NOISE)}:{draw(_NOISE)}{_write(draw, each)}{draw(_NOISE)}"
            for key, each in value.items()
        ]
    elif isinstance(value, list):
        parts = [f"{draw(_NOISE)}{_write(draw, each)}{draw(_NOISE)}" for each in value]
    else:
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    comma = "," if parts and draw(st.booleans()) else ""
    inside = ",".join(parts) + comma + draw(_NOISE)
    return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]"


def is_spread_over(part: str, whole: str) -> bool:
    """Tell whether all characters of the part except white space are in the whole, in order."""
    rest = iter(whole)
    return all(char in rest for char in part if not char.isspace())


def comments(text: str) -> list[str]:
    found = re.findall(r'"(?:[^"\\]|\\.)*"|(//[^\r\n]*|/\*.*?\*/)', text, re.DOTALL)
    return [each for each in found if each]


@given(documents())
def test_jsonc_keeps_everything_else(text: str):
    before = JSONC.load(text)
    put = JSONC.put(text, PLACE, ENTRY)
    after = JSONC.load(put)
    assert is_same(find(after, PLACE), ENTRY)
    assert is_same(without_entry(after, PLACE), without_entry(before, PLACE))
    assert list(without_entry(after, PLACE)) == list(without_entry(before, PLACE))
    assert is_spread_over(text, put)
    assert comments(put) == comments(text)
    assert JSONC.put(put, PLACE, ENTRY) == put

    other = JSONC.put(put, PLACE, {"command": "x"})
    assert find(JSONC.load(other), PLACE) == {"command": "x"}
    at = put.index(json.dumps(ENTRY["command"])) if put.count('"ambassador"') == 1 else 0
    assert (
        other[: at and put.rindex('"ambassador"', 0, at)] == put[: at and put.rindex('"ambassador"', 0, at)]
    )

    removed = JSONC.remove(other, PLACE)
    assert is_same(without_entry(JSONC.load(removed), PLACE), without_entry(before, PLACE))
    assert find(JSONC.load(removed), PLACE) is None
    assert comments(removed) == comments(text)
    assert JSONC.remove(removed, PLACE) == removed


@given(documents())
def test_jsonc_removes_its_entry_among_others(text: str):
    if not find(JSONC.load(text), ("mcpServers",)):
        return
    assert "".join(JSONC.remove(JSONC.put(text, PLACE, ENTRY), PLACE).split()) == "".join(text.split())


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "text",
    [
        '{"mcpServers":{"a":1}}',
        '{"mcpServers": {"a": 1}, "z": 2}\n',
        '{\n  // c\n  "mcpServers": {\n    "a": 1, // one\n    /* two */ "b": [\n2,], // three\n  },\n\n  "z": 1\n}\n',
        '{\n\t"mcpServers": {\n\t\t"a": {"x": 1} // no comma\n\n\t}\n}',
    ],
)
def test_jsonc_removal_restores_every_byte(text: str, newline: str):
    text = text.replace("\n", newline)
    assert JSONC.remove(JSONC.put(text, PLACE, ENTRY), PLACE) == text


@given(st.text(max_size=40) | st.text('{}[]",:/*\\ \n1a', max_size=30))
def test_jsonc_parses_any_text_or_refuses_it(text: str):
    try:
        put = JSONC.put(text, PLACE, ENTRY)
    except FormatError:
        return
    assert JSONC.load(JSONC.remove(put, PLACE)) == without_entry(JSONC.load(put), PLACE) | {"mcpServers": {}}


@given(_VALUE)
def test_jsonc_parses_all_json(value: Any):
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        assert is_same(JSONC.load(text), json.loads(text))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "m": {\n    "a": 1\n  }\n}\n'),
        ("{}", '{\n  "m": {\n    "a": 1\n  }\n}'),
        ("// mine\n", '// mine\n{\n  "m": {\n    "a": 1\n  }\n}\n'),
        ('{"m":{"b":2}}', '{"m":{"b":2,"a":1}}'),
        ('{"m": {"b": 2}}\n', '{"m": {"b": 2, "a": 1}}\n'),
        ('{\r\n\t"x": 1\r\n}\r\n', '{\r\n\t"x": 1,\r\n\t"m": {\r\n\t\t"a": 1\r\n\t}\r\n}\r\n'),
        (
            '{\n    "m": {\n        "b": 2, // two\n    },\n}\n',
            '{\n    "m": {\n        "b": 2, // two\n        "a": 1,\n    },\n}\n',
        ),
        ('{\n  "m": {\n    "b": 2 // two\n  }\n}\n', '{\n  "m": {\n    "b": 2, // two\n    "a": 1\n  }\n}\n'),
        ('{\n  "m": {\n    // none yet\n  }\n}\n', '{\n  "m": {\n    // none yet\n    "a": 1\n  }\n}\n'),
        ('{\n  "m": {"a": 7} // old\n}', '{\n  "m": {"a": 1} // old\n}'),
    ],
)
def test_jsonc_writes_in_the_style_of_the_file(before: str, after: str):
    assert JSONC.put(before, ("m", "a"), 1) == after


@pytest.mark.parametrize(
    "text",
    [
        "{", '{"a" 1}', '{"a": 1 "b": 2}', "[1 2]", '{"a": tru}', '{"a": "\n"}', "{} {}", "/* open", '{"a": 01}', "{,}",
        '{"m": []}', '{"m": null}', '{"m": {}, "m": {}}', '{"m": {"a": 1, "a": 2}}', "[]", '"text"', "[" * 200, "\x00",
    ],
)  # fmt: skip
def test_jsonc_refuses_what_it_cannot_edit(text: str):
    with pytest.raises(FormatError):
        JSONC.put(text, ("m", "a"), 3)


GOOSE = """\
# my goose
GOOSE_MODE: "smart_approve"   # careful
extensions:
  developer:   # built in
    args: ["-y", 'x']
    enabled: true

    timeout: 300
  # the last word
active: &a {k: [1, 2]}
again: *a
"""
LIST = """\
name: mine
mcpServers:
- name: other  # theirs
  command: npx
models: []
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("text", "path"),
    [
        (GOOSE, ("extensions", "ambassador")),
        (LIST, ("mcpServers", ElementNamed("ambassador"))),
        ("a: 1\n", ("extensions", "ambassador")),
        ("a: 1", ("mcpServers", ElementNamed("ambassador"))),
        ("# only words\n", ("extensions", "ambassador")),
        ("", ("mcpServers", ElementNamed("ambassador"))),
        ("{}\n", ("extensions", "ambassador")),
        ("extensions:   # none\nb: 2\n", ("extensions", "ambassador")),
        ("extensions: {}\nb: 2\n", ("extensions", "ambassador")),
        ("extensions: null # none\nb: 2\n", ("extensions", "ambassador")),
        ("extensions: {one: {cmd: x}, }\n", ("extensions", "ambassador")),
        ("mcpServers: [{name: one}]\n", ("mcpServers", ElementNamed("ambassador"))),
        (
            "mcpServers:\n    - name: one\n      args:\n        - x",
            ("mcpServers", ElementNamed("ambassador")),
        ),
        (
            "---\nextensions:\n  x:\n    y: |\n      text\n\n---\n".removesuffix("---\n"),
            ("extensions", "ambassador"),
        ),
    ],
)
def test_yaml_keeps_everything_else(text: str, path: Any, newline: str):
    text = text.replace("\n", newline)
    entry = {"name": "ambassador", **ENTRY}
    before = YAML.load(text)
    put = YAML.put(text, path, entry)
    assert is_same(find(YAML.load(put), path), entry)
    assert is_same(without_entry(YAML.load(put), path), without_entry(before, path))
    assert YAML.put(put, path, entry) == put
    assert re.findall("#.*", put) == re.findall("#.*", text)
    assert newline not in text or newline == "\n" or put.count("\n") == put.count("\r\n")

    other = YAML.put(put, path, {"name": "ambassador", "cmd": "y"})
    assert find(YAML.load(other), path) == {"name": "ambassador", "cmd": "y"}
    removed = YAML.remove(other, path)
    assert is_same(without_entry(YAML.load(removed), path), without_entry(before, path))
    if len(find(before, path[:1]) or ()) > 0:
        assert removed == text
        assert is_spread_over(text, put)


@pytest.mark.parametrize(
    "text",
    [
        "a: [", "a: b: c", "- 1\n", "extensions: [1]\n", "extensions: x\n", "a: 1\n---\nb: 2\n", "text", "a: !x 1",
        "x: &x {}\nextensions: *x\n", "extensions: {}\nextensions: {}\n",
    ],
)  # fmt: skip
def test_yaml_refuses_what_it_cannot_edit(text: str):
    with pytest.raises(FormatError):
        YAML.put(text, ("extensions", "ambassador"), ENTRY)


CODEX = """\
# my codex
model = "o3"   # big

[mcp_servers.docs]  # theirs
command = 'docs'
env = { "A" = "1" }

[profiles.x]
y = [ 1,
  2, # two
]
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "text",
    [
        CODEX,
        "",
        "# words\n",
        "a = 1",
        "mcp_servers = { x = { command = 'y' } }\n",
        "[mcp_servers]\n",
        "mcp_servers.x.command = 'y'\n",
    ],
)
def test_toml_keeps_everything_else(text: str, newline: str):
    text = text.replace("\n", newline)
    path = ("mcp_servers", "ambassador")
    before = TOML.load(text)
    put = TOML.put(text, path, ENTRY)
    assert is_same(find(TOML.load(put), path), ENTRY)
    assert is_same(without_entry(TOML.load(put), path), without_entry(before, path))
    assert is_spread_over(text, put)
    assert TOML.put(put, path, ENTRY) == put
    assert newline not in text or newline == "\n" or put.count("\n") == put.count("\r\n")
    other = TOML.put(put, path, {"command": "x"})
    assert find(TOML.load(other), path) == {"command": "x"}
    removed = TOML.remove(other, path)
    assert is_same(without_entry(TOML.load(removed), path), without_entry(before, path))
    assert is_spread_over(text, removed)


@pytest.mark.parametrize("text", ["a = ", "[x", "mcp_servers = 1", "mcp_servers = []", "a = 1\na = 2"])
def test_toml_refuses_what_it_cannot_edit(text: str):
    with pytest.raises(FormatError):
        TOML.put(text, ("mcp_servers", "ambassador"), ENTRY)


@pytest.mark.parametrize("editor", [JSONC, TOML, YAML])
def test_removing_a_missing_entry_changes_nothing(editor: Editor):
    for text in ("", "\n", editor.put("", ("a", "b"), {"c": 1})):
        assert editor.remove(text, PLACE) == text


@pytest.mark.parametrize("depth", [DEEPEST + 2, 1000, 100_000])
@pytest.mark.parametrize(
    ("editor", "before", "after"), [(JSONC, '{"x": ', "}"), (TOML, "x = ", "\n"), (YAML, "x: ", "\n")]
)
def test_what_is_nested_too_deeply_is_refused(editor: Editor, before: str, after: str, depth: int):
    text = before + "[" * depth + "]" * depth + after
    for edit in (
        editor.load,
        lambda text: editor.put(text, PLACE, {}),
        lambda text: editor.remove(text, PLACE),
    ):
        with pytest.raises(FormatError, match="nested"):
            edit(text)
