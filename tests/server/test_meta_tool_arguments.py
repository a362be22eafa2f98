"""The arguments of the three tools are read without a change of those of the tool that is called."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.meta_tools.arguments import ArgumentError, read_call, read_name, read_search
from tests.effort import examples

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["query", "limit", "offset", "name", "arguments", "Name", "nam\u0065", "x"])
OBJECTS = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(
    lambda pairs: "{" + ",".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs) + "}"
)
TEXTS = OBJECTS | st.text() | st.sampled_from(["", "[]", "null", "{", '{"name":', "[" * 2000, '{"a":' * 2000])


@examples(200)
@given(TEXTS)
async def test_any_text_is_read_or_refused(text):
    raw = text.encode(errors="surrogatepass")
    for read in (read_search, read_name):
        with suppress(ArgumentError):
            read(raw)
    try:
        call = await read_call(raw)
    except ArgumentError:
        return
    written = json.loads(text)
    assert call.name == written["name"]
    assert json.loads(call.arguments) == written.get("arguments", {})


@pytest.mark.parametrize(
    "arguments",
    [
        b"{}",
        b'{ "a" : 1.0,\t"a":2 }',
        b'{"\\u0061": 12345678901234567890123, "b": "\xc3\xa9", "c": 1e999}',
        b'{"large": "' + b"x" * 300_000 + b'"}',
    ],
)
async def test_the_arguments_of_the_call_stay_as_they_are_written(arguments):
    for raw in (b'{"name": "t", "arguments": %b}', b'{"arguments":%b ,"name":"t"}'):
        call = await read_call(raw % arguments)
        assert (call.name, call.arguments) == ("t", arguments)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"name": "a", "name": "a"}', "name is given twice"),
        (b'{"name": "a", "n\\u0061me": "b"}', "name is given twice"),
        (b'{"Name": "a"}', "there is no argument 'Name'; near: 'name'"),
        (b'{"name": "a", "arguments": "{}"}', "arguments must be an object"),
        (b'{"arguments": {}}', "name is missing"),
        (b"[]", "the arguments must be an object"),
    ],
)
async def test_what_readers_take_differently_is_refused(raw, words):
    with pytest.raises(ArgumentError, match=words):
        await read_call(raw)
