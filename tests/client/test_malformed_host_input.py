"""Malformed input of hosts: standard output contains only messages, one per line."""

import asyncio
import json
import os
import tempfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_client.errors import UnreachableError
from ambassador_client.proxy.relay import Relay
from ambassador_client.proxy.session import Session
from ambassador_client.proxy.stdio import Output, read_lines
from ambassador_client.proxy.truncated_line import read_outer_members
from ambassador_protocol.line_splitter import LineSplitter, LongLine
from ambassador_protocol.nesting import MAX_NESTING
from tests.client.fake_server import FakeServer
from tests.client.host import Host
from tests.patience import PATIENCE

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
IDS = st.one_of(st.integers(), st.text(max_size=4), st.none(), st.booleans(), st.floats())
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.sampled_from(["2.0", "1.0"])},
    optional={
        "id": IDS,
        "method": st.one_of(
            st.sampled_from(["ping", "initialize", "tools/list", "tools/call", "server/discover"]),
            st.sampled_from(["notifications/cancelled", "notifications/initialized", "subscriptions/listen"]),
            VALUES,
        ),
        "params": VALUES,
        "result": VALUES,
        "error": VALUES,
    },
)
LINES = st.one_of(
    MESSAGES.map(json.dumps).map(str.encode),
    MESSAGES.map(lambda message: json.dumps(message, ensure_ascii=False).encode(errors="surrogatepass")),
    st.lists(MESSAGES, max_size=3).map(json.dumps).map(str.encode),
    st.binary(max_size=40),
    MESSAGES.map(json.dumps)
    .map(str.encode)
    .flatmap(lambda line: st.integers(0, len(line)).map(lambda n: line[:n])),
).map(lambda line: line.replace(b"\n", b" "))


async def relayed(data: bytes) -> bytes:
    """Send input to a relay without a server through a pipe, and return its output."""

    async def fail() -> Session:
        raise UnreachableError("away")

    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as written:
        session_task = asyncio.create_task(fail())
        session_task.add_done_callback(asyncio.Task.exception)
        output = await Output.open(written.fileno())
        running = Relay(output, session_task, report=lambda _: None)
        feeding = asyncio.create_task(asyncio.to_thread(_write, write_end, data))
        async with asyncio.timeout(PATIENCE):
            await running.run(read_lines(read_end))
            await feeding
            await running.finish(5)
            await output.flush()
        os.close(read_end)
        written.seek(0)
        return written.read()


def _write(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(data)


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} on standard output")


def messages_of(output: bytes) -> list[dict[str, Any]]:
    """Parse the output; fails if it contains anything but messages."""
    assert output == b"" or output.endswith(b"\n")
    found = [json.loads(line.decode(), parse_constant=_refuse) for line in output.split(b"\n")[:-1]]
    assert all(message["jsonrpc"] == "2.0" for message in found)
    assert all(("result" in message) != ("error" in message) or "method" in message for message in found)
    return found


@given(lines=st.lists(LINES, max_size=12))
def test_any_input_produces_only_messages(lines: list[bytes]):
    found = messages_of(asyncio.run(relayed(b"".join(line + b"\n" for line in lines))))
    asked = [line for line in lines if line.strip()]
    assert len(found) <= 4 * len(asked)


@given(batch=st.lists(VALUES, max_size=5), blank=st.sampled_from([(",", ":"), (" ,\t", " :  ")]))
def test_malformed_lines_are_refused_without_an_id(batch: list[Any], blank: tuple[str, str]):
    lines = [
        b"{",
        b"\xff\xfe",
        b'{"jsonrpc":"2.0","id":1,"method":"ping","x":NaN}',
        json.dumps(batch, separators=blank).encode(),
    ]
    found = messages_of(asyncio.run(relayed(b"".join(line + b"\n" for line in lines))))
    codes = [(message["id"], message["error"]["code"]) for message in found]
    # A list that contains invalid JSON is invalid, too.
    assert codes[:3] == [(None, -32700)] * 3
    assert codes[3:] in ([(None, -32600)], [(None, -32700)])


@given(
    names=st.lists(st.text(max_size=5), max_size=6),
    blank=st.sampled_from([(",", ":"), (" ,\t", " :  ")]),
    around=st.sampled_from(["", " ", "\t "]),
)
def test_the_answers_to_a_batch_are_an_array_in_the_order_of_its_messages(
    names: list[str], blank: tuple[str, str], around: str
):
    hello = {
        "jsonrpc": "2.0",
        "id": "hello",
        "method": "initialize",
        "params": {"protocolVersion": "2025-03-26"},
    }
    batch: list[Any] = [
        {"jsonrpc": "2.0", "id": n, "method": "ping", "params": {"x": [name, {"],": "}"}]}}
        for n, name in enumerate(names)
    ]
    array = json.dumps([*batch, 7, [batch]], separators=blank, ensure_ascii=False).encode(errors="replace")
    line = around.encode() + array.replace(b"[{", b"[" + around.encode() + b"{") + around.encode()
    output = asyncio.run(relayed(json.dumps(hello).encode() + b"\n" + line + b"\n[]\n"))
    _, joined, refused = [json.loads(each) for each in output.splitlines()]
    assert [message["id"] for message in joined] == [*range(len(names)), None, None]
    assert [message["error"]["code"] for message in joined[-2:]] == [-32600] * 2
    assert (refused["id"], refused["error"]["code"]) == (None, -32600)


def too_long(line: bytes) -> LongLine:
    (found,) = LineSplitter(limit=len(line) - 1).feed(line + b"\n")
    assert isinstance(found, LongLine)
    return found


@given(
    message=st.dictionaries(st.text(max_size=4), VALUES, max_size=6),
    order=st.permutations(["jsonrpc", "id", "method", "params"]),
    request_id=st.one_of(st.integers(), st.text(max_size=5)),
    blank=st.sampled_from([(",", ":"), (" , ", " : ")]),
)
def test_members_of_a_truncated_line_equal_the_original(
    message: dict[str, Any], order: list[str], request_id: int | str, blank: tuple[str, str]
):
    params = {"x": "y" * 9000, "id": "inner", "more": message, "last": {"id": "inner"}}
    members = {"jsonrpc": "2.0", "id": request_id, "method": "a/b", "params": params}
    whole = {name: members[name] for name in order}
    found = read_outer_members(too_long(json.dumps(whole, separators=blank).encode()))
    assert {name: value for name, value in found.items() if value is not ...} == {
        name: members[name] for name in ("jsonrpc", "id", "method")
    }


@given(st.binary(min_size=1, max_size=300).map(lambda raw: raw.replace(b"\n", b"") or b"x"))
def test_any_truncated_line_is_parsed_without_an_error(raw: bytes):
    assert isinstance(read_outer_members(LongLine(raw, raw)), dict)


@pytest.mark.parametrize("inner", ['"id":7', '"a":1,"id":7', '"a":"\\"id\\":7}"'])
def test_an_id_of_a_nested_object_is_ignored(inner: str):
    line = f'{{"params":{{"x":"{"y" * 9000}",{inner}}}}}'
    assert "id" not in read_outer_members(too_long(line.encode()))


async def test_a_too_long_request_is_refused_with_its_id(server: FakeServer, proxy: Host):
    await proxy.initialize()
    text = "x" * (65 << 20)
    proxy.send(
        {
            "method": "tools/call",
            "params": {"name": "echo", "arguments": {"text": text}},
            "jsonrpc": "2.0",
            "id": "a",
        }
    )
    error = (await proxy.answer("a"))["error"]
    assert error["code"] == -31007
    assert error["message"] == "AMB-1004 a line is longer than 64 MB and was dropped. Send less at once."
    call = proxy.start_request(
        "tools/call", {"name": "ask", "arguments": {"method": "sampling/createMessage"}}
    )
    await proxy.until(lambda: proxy.notifications)
    proxy.send({"jsonrpc": "2.0", "id": proxy.notifications[0]["id"], "result": {"text": text}})
    told = (await proxy.answer(call))["result"]["structuredContent"]
    assert told["error"]["code"] == -31007


async def test_the_total_size_of_open_requests_is_limited(server: FakeServer, proxy: Host):
    text = "x" * (60 << 20)
    for _ in range(4):
        proxy.start_request("tools/call", {"name": "swallow", "arguments": {"text": text}})
        await proxy.stdin.drain()
    error = (await proxy.call("swallow", {"text": text}))["error"]
    assert error["code"] == -31008
    assert error["message"].startswith("AMB-1010 requests of 256 MB are waiting")
    server.release.set()
    for number in range(1, 5):
        await proxy.answer(number)
    assert "result" in await proxy.call("swallow", {"text": text})


DEEP = pytest.mark.parametrize("depth", [MAX_NESTING + 1, 5000, 200_000])


def nested(depth: int) -> str:
    """Return a JSON object nested this deep."""
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


@DEEP
@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        ('{"jsonrpc":"2.0","id":7,"method":"ping","params":HERE}', 7),
        ('{"jsonrpc":"2.0","method":"ping","params":HERE,"id":"x"}', "x"),
        ('{"jsonrpc":"2.0","method":"notifications/initialized","params":HERE}', None),
        ('[{"jsonrpc":"2.0","id":7,"method":"ping","params":HERE}]', None),
    ],
)
def test_what_is_nested_too_deep_is_answered_with_its_id(line: str, request_id: object, depth: int):
    hello = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}'
    lines = [hello, line.replace("HERE", nested(depth - 1)), '{"jsonrpc":"2.0","id":2,"method":"ping"}']
    _, refused, after = messages_of(asyncio.run(relayed("\n".join([*lines, ""]).encode())))
    assert (refused["id"], refused["error"]["code"]) == (request_id, -32700)
    assert "nested deeper than 500 levels" in refused["error"]["message"]
    assert after == {"jsonrpc": "2.0", "id": 2, "result": {}}


def test_what_is_nested_as_deep_as_allowed_is_served():
    line = '{"jsonrpc":"2.0","id":7,"method":"ping","params":' + nested(MAX_NESTING - 1) + "}\n"
    assert messages_of(asyncio.run(relayed(line.encode()))) == [{"jsonrpc": "2.0", "id": 7, "result": {}}]


async def test_a_byte_order_mark_before_a_message_is_dropped():
    output = await relayed(b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    assert json.loads(output) == {"jsonrpc": "2.0", "id": 1, "result": {}}
