"""The fake of the port behaves like the pool in what services use."""

import asyncio

import pytest

from ambassador_server.domain.catalog.mcps import DownstreamStatus
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError, InvalidInputError
from ambassador_server.ports.downstream import DownstreamChange
from tests.fakes.downstream import FakeDownstreams, error_reply, make_tool, text_reply
from tests.server.downstream.support import PATIENCE, entry, tool_call


async def test_tools_answers_and_changes_are_scripted_by_name():
    changes: list[DownstreamChange] = []
    fake = FakeDownstreams()
    fake.subscribe(changes.append)
    fake.script("box", make_tool("read", readOnlyHint=True), handler=lambda method, _: text_reply(method))
    fake.apply([entry()])
    assert fake.state("m1").status is DownstreamStatus.READY
    assert (await fake.call("m1", tool_call(b"{}"), user_id="u1", timeout=1)).result == text_reply(
        "tools/call"
    ).result
    fake.script("box", handler=lambda *_: error_reply(-32602, "no"))
    assert (await fake.call("m1", tool_call(b"{}"), user_id="u1", timeout=1)).error is not None
    fake.lose("box")
    with pytest.raises(DownstreamUnavailableError, match="box: exited with status 1"):
        await fake.call("m1", tool_call(b"{}"), user_id="u1", timeout=1)
    fake.apply([])
    assert [(change.status, change.tools_changed) for change in changes] == [
        (DownstreamStatus.READY, True),
        (DownstreamStatus.READY, True),
        (DownstreamStatus.DEGRADED, False),
        (DownstreamStatus.STOPPED, False),
    ]
    assert [call.method for call in fake.calls] == ["tools/call"] * 3


async def test_a_closed_gate_holds_calls_until_it_opens_or_they_time_out():
    fake = FakeDownstreams()
    gate = asyncio.Event()
    fake.script("box", gate=gate)
    fake.apply([entry()])
    with pytest.raises(DownstreamTimeoutError):
        await fake.call("m1", tool_call(b"{}"), user_id="u1", timeout=0)
    call = asyncio.ensure_future(
        fake.call("m1", tool_call(b'{"arguments":{"a":1}}'), user_id="u1", timeout=PATIENCE)
    )
    await fake.called.wait()
    gate.set()
    assert b'\\"a\\": 1' in ((await call).result or b"")
    assert len(fake.cancelled) == 1


async def test_a_probe_knows_transports_and_failures():
    fake = FakeDownstreams()
    with pytest.raises(InvalidInputError, match="Unknown transport"):
        await fake.probe(entry("telepathy", {}))
    with pytest.raises(DownstreamUnavailableError):
        await fake.probe(entry())
    fake.script("box", make_tool("a"))
    assert [tool.name for tool in await fake.probe(entry())] == ["a"]
