"""YAML is read within limits, and errors do not depend on the parser."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol import bounded_yaml
from ambassador_protocol.bounded_yaml import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_VALUES,
    YamlError,
    events,
    load,
    read_text,
)

_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)
_MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}\n" for level in range(1, 10)
)
_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"

both_parsers = pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])


def refusal(text: str) -> str:
    with pytest.raises(YamlError) as caught:
        load(text)
    return str(caught.value)


def depth(value: Any) -> int:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + max(map(depth, members), default=0)


def use(parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_yaml, "_LOADER", getattr(yaml, parser, yaml.SafeLoader))


@both_parsers
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 33, f"line 1: {_TOO_DEEP}"),
        ("[" * 1000, f"line 1: {_TOO_DEEP}"),
        ("[" * 100_000, f"line 1: {_TOO_DEEP}"),
        ("{" * 100_000, f"line 1: {_TOO_DEEP}"),
        ("- " * 100_000, f"line 1: {_TOO_DEEP}"),
        ("a: " + "{a: " * 100_000, f"line 1: {_TOO_DEEP}"),
        ("a:\n- b: " + "[" * 100_000, f"line 2: {_TOO_DEEP}"),
        ("".join(f"{' ' * level}a:\n" for level in range(1000)), f"line 33: {_TOO_DEEP}"),
        ("[\n" * 100_000, f"line 33: {_TOO_DEEP}"),
        (_LAUGHS, f"line 5: more than {MAX_VALUES} values, aliases counted as often as used"),
        (_MERGES, "aliases counted as often as used"),
        ("a: &a [*a]", "line 1: no anchor 'a' is complete here"),
        ("a: &a 1\n---\nb: *a", "line 3: no anchor 'a' is complete here"),
    ],
)
def test_every_parser_refuses_a_text_beyond_a_limit(
    text: str, message: str, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(parser, monkeypatch)
    assert message in refusal(text)


@both_parsers
@pytest.mark.parametrize(
    "text",
    [
        'a: "' + "[" * 40 + "\n",  # the error is the missing quote, not the brackets
        "# " + "[" * 40 + "\na: b: c",
        "a: |\n  " + "[" * 40 + "\nb: @",
        "[" + "[]," * 40 + "@]",
    ],
)
def test_brackets_outside_of_collections_are_not_counted(
    text: str, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(parser, monkeypatch)
    assert "not YAML: " in refusal(text)


@both_parsers
def test_the_deepest_text_allowed_is_read(parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(parser, monkeypatch)
    assert depth(load("[" * MAX_DEPTH + "]" * MAX_DEPTH)) == MAX_DEPTH
    assert depth(load("- " * MAX_DEPTH + "a")) == MAX_DEPTH
    assert _TOO_DEEP in refusal("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


@given(st.text(max_size=60) | st.text("[]{}:,-?&*a!|>'\"#%@ \n\t1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value = load(text)
    except YamlError:
        return
    assert depth(value) <= MAX_DEPTH
    assert list(events(text))


@pytest.mark.parametrize(
    "text", ["a: 2026-13-41", "a: !!int x", "a: !!python/name:os.system", "a: 1\n---\nb: 2"]
)
def test_values_that_cannot_be_built_are_refused(text: str) -> None:
    assert "not YAML: " in refusal(text)


def test_a_file_above_the_size_limit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_text(file) == "a: 1"
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(YamlError, match=f"^larger than {MAX_BYTES} bytes$"):
        read_text(file)
    file.write_bytes(b"a: 1\nb: \xff")
    with pytest.raises(YamlError, match=r"^line 2: not UTF-8 text$"):
        read_text(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_read_as_editors_save_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "file.yaml"
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    path.write_bytes(f"{mark}name: Zo\u00eb\n".encode(encoding))
    assert load(read_text(path)) == {"name": "Zo\u00eb"}
