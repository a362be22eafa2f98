"""No JSON that a caller sends changes a fixed argument, and what the caller sent is passed on byte for byte."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.transforms import ToolTransform
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.services.calls.call_edits import CallEdits, call_edits
from ambassador_server.wording.refusals import refusal_text

FIXED = {"tenant": '"acme"', "kind": "[1.0, null]"}
DEFAULTS = {"limit": "20"}
TRANSFORM = ToolTransform(fixed_arguments=FIXED, default_arguments=DEFAULTS)


def edits() -> CallEdits:
    found = call_edits(TRANSFORM, TRANSFORM, ())
    assert found is not None
    return found


def spelt(name: str, data: st.DataObject) -> str:
    """Return a name as JSON, with some characters as escapes."""
    parts = [
        f"\\u{ord(char):04x}" if ord(char) < 0x10000 and data.draw(st.booleans()) else json.dumps(char)[1:-1]
        for char in name
    ]
    return f'"{"".join(parts)}"'


VALUES = st.recursive(
    st.sampled_from(["1", "1.0", "null", "true", '"evil"', "12345678901234567890123", '"\\"}"', '"}{,:"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: f"[{','.join(each)}]")
        | inner.map(lambda each: f'{{"tenant":{each}}}')
    ),
    max_leaves=4,
)
WIDE = "\uff54\uff45\uff4e\uff41\uff4e\uff54"
NAMES = st.sampled_from(
    [
        "tenant",
        "Tenant",
        "TENANT",
        "tenant\0x",
        WIDE,
        "kind",
        "\u212aind",
        "tenants",
        "ten",
        "limit",
        "",
        "a",
    ]
)
SPACE = st.sampled_from(["", " ", "\n\t"])
TAKEN = ("tenant", "Tenant", "TENANT", "tenant\0x", WIDE, "kind", "\u212aind")


@given(st.data())
def test_no_spelling_and_no_repetition_brings_a_fixed_argument(data: st.DataObject) -> None:
    members = data.draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))
    space = data.draw(SPACE)
    written = [f"{space}{spelt(name, data)}{space}:{space}{value}{space}" for name, value in members]
    raw = f"{{{','.join(written) or space}}}".encode()
    edited = edits().edited(raw)
    if any(name in TAKEN for name, _ in members):
        assert isinstance(edited, Deny)
        assert edited.reason is Reason.FIXED_ARGUMENT
        return
    assert isinstance(edited, bytes)
    assert edited.startswith(raw[:-1])
    pairs: list[tuple[str, Any]] = json.loads(edited, object_pairs_hook=list)
    expected = [name for name, _ in members]
    expected += [] if "limit" in expected else ["limit"]
    assert [name for name, _ in pairs] == [*expected, "tenant", "kind"]
    assert json.loads(edited)["tenant"] == "acme"


@given(st.binary(max_size=60))
@example(b'{"tenant":1')
@example(b'{"\\ud800":1}')
@example(b"[]")
@example(b"")
@example(b'{"a":1}{"tenant":2}')
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    edited = edits().edited(raw)
    if isinstance(edited, bytes):
        assert json.loads(edited.decode(errors="replace"))["tenant"] == "acme"
    else:
        assert edited.reason is (Reason.FIXED_ARGUMENT if edited.argument else Reason.ARGUMENTS_UNREADABLE)


def test_call_without_fixed_or_default_arguments_is_not_read() -> None:
    found = call_edits(ToolTransform(result_bytes=5), ToolTransform(), ())
    assert found == CallEdits(result_bytes=5)
    assert call_edits(ToolTransform(name="x", hidden=True), ToolTransform(), ()) is None


def test_of_what_holds_for_all_tools_each_gets_what_it_describes() -> None:
    found = call_edits(TRANSFORM, ToolTransform(), ("kind",))
    assert found is not None
    assert found.edited(b"{}") == b'{"kind":[1.0, null]}'
    assert isinstance(found.edited(b'{"tenant":1}'), Deny)


def test_what_is_no_object_is_refused_with_the_words_for_it() -> None:
    deny = edits().edited(b"[1]")
    assert isinstance(deny, Deny)
    assert refusal_text(deny, "x") == (
        "x is refused: its arguments are no JSON object that can be read (arguments_unreadable)."
    )
