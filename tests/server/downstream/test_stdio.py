"""The transport `stdio` with real processes: their environment, their output, and that none is left."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ambassador_server.domain.catalog.mcps import DownstreamStatus
from ambassador_server.downstream import handshake
from ambassador_server.downstream.transports import stdio
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from tests.fakes.mcp_servers import stdio_options
from tests.server.downstream.support import (
    PATIENCE,
    QUICK,
    Bench,
    bench,
    children,
    entry,
    is_alive,
    result,
    tool_call,
    until_childless,
    until_dead,
)

_SCRIPT_HEAD = """
import json, os, sys, time
def answer(message, result):
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
def handshake(message):
    if message["method"] == "initialize":
        answer(message, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}})
    elif message["method"] == "tools/list":
        answer(message, {"tools": [{"name": "odd"}]})
    elif message["method"] == "server/discover":
        print('{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"?"}}' % message["id"], flush=True)
    return message["method"] == "tools/call"
for line in sys.stdin:
    message = json.loads(line)
    if not handshake(message):
        continue
"""


def odd_server(body: str) -> dict[str, object]:
    """Return the options of a server that answers tools/call by these lines of Python."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return {"command": [sys.executable, "-c", _SCRIPT_HEAD + indented]}


async def test_output_that_is_not_mcp_is_kept_and_masked():
    async with bench(entry(), mask=lambda text: text.replace("1234", "****")) as box:
        await box.call("garbage")
        output = [line.text for line in box.pool.recent_output("m1")]
    assert "Listening on port ****" in output
    assert any("not UTF-8" in line for line in output)
    assert all(len(line) <= 500 and line.isprintable() for line in output)


async def test_invalid_utf8_in_a_result_is_replaced():
    async with bench(entry()) as box:
        assert result(await box.call("garbage"))["broken"] == "\ufffd("


async def test_a_crash_fails_every_waiting_call_with_status_and_last_error_line():
    async with bench(entry()) as box:
        calls = [asyncio.ensure_future(box.call("slow", seconds=600)) for _ in range(5)]
        await box.text("echo", text="they are sent")
        with pytest.raises(DownstreamUnavailableError) as crash:
            await box.call("crash", status=7)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert box.pool.state("m1").error == "exited with status 7: giving up: out of cheese"
    assert crash.value.message == "box: exited with status 7"
    assert [str(outcome) for outcome in outcomes] == [crash.value.message] * 5


async def test_a_crash_is_noticed_although_a_grandchild_holds_the_pipes():
    async with bench(entry()) as box:
        grandchild = int(await box.text("spawn"))
        with pytest.raises(DownstreamUnavailableError, match="exited with status 3"):
            await box.call("crash")
        await until_dead(grandchild)


async def test_the_next_call_after_a_crash_is_served_by_a_new_process():
    async with bench(entry()) as box:
        with pytest.raises(DownstreamUnavailableError):
            await box.call("crash")
        assert await box.text("echo", text="back") == "back"
        states = [(change.status, change.error) for change in box.listener.changes]
    assert states == [
        (DownstreamStatus.READY, None),
        (DownstreamStatus.DEGRADED, "exited with status 3: giving up: out of cheese"),
        (DownstreamStatus.READY, None),
    ]


async def test_a_child_that_hangs_is_replaced_after_calls_in_a_row_without_an_answer():
    async with bench(replace(entry(), call_timeout_seconds=0.05)) as box:
        pid = int((await box.text("process")).split()[0])
        os.kill(pid, signal.SIGSTOP)
        for _ in range(QUICK.timeouts):
            assert box.pool.state("m1").status is DownstreamStatus.READY
            with pytest.raises(DownstreamTimeoutError):
                await box.call("echo", timeout=0.05, text="lost")
        change = await box.listener.status(DownstreamStatus.DEGRADED)
        assert change.error == "answered none of the last 3 calls in time"
        await until_dead(pid)
        assert await box.text("echo", text="back") == "back"
        assert (await box.text("process")).split() == [str(min(children())), "2"], "no lost call was repeated"


async def test_an_answer_in_between_shows_that_a_child_does_not_hang():
    async with bench(replace(entry(), call_timeout_seconds=0.05)) as box:
        pid = int((await box.text("process")).split()[0])
        for _ in range(QUICK.timeouts):
            for _ in range(QUICK.timeouts - 1):
                with pytest.raises(DownstreamTimeoutError):
                    await box.call("slow", timeout=0.05, seconds=PATIENCE)
            await box.text("echo", text="alive")
        assert int((await box.text("process")).split()[0]) == pid
        assert [change.status for change in box.listener.changes] == [DownstreamStatus.READY]


async def test_the_last_error_line_is_masked_and_bounded():
    options = odd_server(
        "sys.stderr.write('token=hunter2 \\x1b[31m' + 'x' * 5000)\nsys.stderr.flush()\nos._exit(1)"
    )
    async with bench(entry(options=options), mask=lambda text: text.replace("hunter2", "***")) as box:
        with pytest.raises(DownstreamUnavailableError) as crash:
            await box.call("odd")
        error = box.pool.state("m1").error or ""
    assert crash.value.message == "box: exited with status 1", "callers are not told what was on stderr"
    assert error.startswith("exited with status 1: token=***")
    assert error.isprintable()
    assert len(error) < 400


async def test_a_killed_child_is_reported_with_the_name_of_the_signal():
    async with bench(entry(options=odd_server("os.kill(os.getpid(), 9)"))) as box:
        with pytest.raises(DownstreamUnavailableError, match="was ended by SIGKILL"):
            await box.call("odd")


async def test_a_child_that_closes_its_output_counts_as_ended():
    async with bench(entry(options=odd_server("os.close(1)\ntime.sleep(600)"))) as box:
        with pytest.raises(DownstreamUnavailableError, match="closed its output"):
            await box.call("odd")


async def test_an_answer_that_came_before_the_exit_counts():
    options = odd_server('answer(message, {"content": []})\nos._exit(0)')
    async with bench(entry(options=options)) as box:
        assert result(await box.call("odd")) == {"content": []}


async def test_a_json_log_line_is_not_taken_for_an_answer():
    options = odd_server(
        'print(json.dumps({"level": "info", "id": message["id"], "error": "x"}), flush=True)\n'
        'answer(message, {"content": []})'
    )
    async with bench(entry(options=options)) as box:
        assert result(await box.call("odd")) == {"content": []}


@pytest.mark.parametrize(
    "members",
    [
        '{"jsonrpc": "2.0", "id": message["id"], "result": {"content": ["x" * 300_000]}}',
        '{"result": {"content": ["x" * 300_000], "id": 1}, "jsonrpc": "2.0", "id": message["id"]}',
    ],
)
async def test_an_answer_beyond_the_limit_fails_only_its_caller(
    members: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stdio, "LARGEST_MESSAGE", 200_000)
    options = odd_server(
        f'if message["params"]["arguments"].get("large"):\n    print(json.dumps({members}), flush=True)\n'
        'else:\n    answer(message, {"content": []})'
    )
    async with bench(entry(options=options)) as box:
        with pytest.raises(DownstreamUnavailableError, match="answered with more than 200000 bytes"):
            await box.call("odd", large=True)
        assert result(await box.call("odd")) == {"content": []}


async def test_an_answer_with_neither_result_nor_error_fails_its_call():
    options = odd_server('print(json.dumps({"jsonrpc": "2.0", "id": message["id"]}), flush=True)')
    async with bench(entry(options=options)) as box:
        with pytest.raises(DownstreamUnavailableError, match="neither a result nor an error"):
            await box.call("odd")


async def test_line_ends_in_params_cannot_smuggle_a_second_message(tmp_path: Path):
    record = tmp_path / "calls.jsonl"
    params = (
        b'{"name": "echo",\r\n"arguments": {"text": "one"}\n}'
        b'\n{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"echo","arguments":{}}'
    )
    pretty = b'{\n  "name": "echo",\r\n  "arguments": {\n    "text": "pretty"\n  }\n}'
    async with bench(entry(options=stdio_options("--record", str(record)))) as box:
        reply = await box.pool.call("m1", tool_call(pretty), user_id="u1", timeout=PATIENCE)
        assert result(reply)["content"][0]["text"] == "pretty"
        # Params that are not one JSON object should be refused earlier; if they are not, they are still one line.
        with pytest.raises((DownstreamUnavailableError, DownstreamTimeoutError)):
            await box.pool.call("m1", tool_call(params), user_id="u1", timeout=PATIENCE)
    assert len(record.read_text().splitlines()) == 1


async def test_requests_of_the_child_are_answered():
    async with bench(entry()) as box:
        answers = result(await box.call("ask"))["structuredContent"]
    assert answers["ping"]["result"] == {}
    refused = {name: answer["error"]["code"] for name, answer in answers.items() if name != "ping"}
    assert refused == {"roots/list": -32601, "sampling/createMessage": -32601, "elicitation/create": -32601}


async def test_a_child_that_stops_reading_blocks_no_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stdio, "GRACE_SECONDS", 0.1)
    deaf = entry(options=odd_server("time.sleep(600)"), mcp_id="deaf")
    async with bench(deaf, entry(name="other", mcp_id="m2")) as box:
        calls = [
            box.call("odd", mcp_id="deaf", timeout=0.3, padding="x" * 1_000_000 if number else "")
            for number in range(8)
        ]
        outcomes = asyncio.gather(*calls, return_exceptions=True)
        assert await box.text("echo", mcp_id="m2", text="awake") == "awake"
        assert {type(outcome) for outcome in await outcomes} == {DownstreamTimeoutError}


async def test_the_child_inherits_only_the_listed_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MCP_AMBASSADOR_MASTER_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("LC_TIME", "C")
    async with bench(entry(options=stdio_options(env={"GREETING": "hello"}))) as box:
        seen = result(await box.call("env"))["structuredContent"]
    allowed = {"PATH", "HOME", "LANG", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM", "LC_TIME", "GREETING"}
    # Python adds LC_CTYPE to its own environment when no locale is set.
    assert {name for name in seen if not name.startswith("LC_")} <= allowed
    assert (seen["GREETING"], seen["LC_TIME"], seen["PATH"]) == ("hello", "C", os.environ["PATH"])


async def test_references_in_the_environment_are_resolved_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GITHUB_TOKEN_OF_THE_SERVER", "from the environment")
    (tmp_path / "secret").write_text("from a file\n")
    env = {"A": "env://GITHUB_TOKEN_OF_THE_SERVER", "B": f"file://{tmp_path}/secret"}
    async with bench(entry(options=stdio_options(env=env))) as box:
        seen = result(await box.call("env"))["structuredContent"]
    assert (seen["A"], seen["B"]) == ("from the environment", "from a file")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"command": "no-such-program-here"}, "command 'no-such-program-here' not found"),
        ({"command": ["/no/such/program"]}, "command '/no/such/program' not found"),
        ({"command": "/etc/passwd"}, "command '/etc/passwd' may not be executed"),
        (stdio_options() | {"cwd": "/no/such/place"}, "working directory '/no/such/place' does not exist"),
        (stdio_options(env={"A": "env://NOT_SET_ANYWHERE"}), "env://NOT_SET_ANYWHERE is not set"),
        (stdio_options(env={"A": "file:///no/such/file"}), "file:///no/such/file cannot be read"),
        ({"command": [sys.executable, "-c", "import sys; sys.exit('bad licence')"]}, "status 1: bad licence"),
    ],
)
async def test_a_program_that_cannot_start_degrades_the_entry_with_the_reason(
    options: dict[str, object], text: str
):
    box = Bench()
    box.pool.apply([entry(options=options)])
    change = await box.listener.status(DownstreamStatus.DEGRADED)
    assert text in (change.error or "")
    with pytest.raises(DownstreamUnavailableError) as failure:
        await box.pool.probe(entry(options=options))
    assert failure.value.message.startswith("box: ")
    assert text in failure.value.message
    await box.pool.close()


async def test_closing_ends_the_child_and_its_group():
    async with bench(entry()) as box:
        grandchild = int(await box.text("spawn"))
        assert is_alive(grandchild)
        assert len(children()) >= 1
    assert not is_alive(grandchild)


async def test_a_child_that_exits_by_itself_leaves_no_grandchild():
    async with bench(entry()) as box:
        grandchild = int(await box.text("spawn"))
        (child,) = _parents(grandchild)
        os.kill(child, signal.SIGINT)
        await box.listener.status(DownstreamStatus.DEGRADED)
        await until_dead(grandchild)


async def test_a_child_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stdio, "GRACE_SECONDS", 0.1)
    async with bench(entry(options=stdio_options("--stubborn"))) as box:
        grandchild = int(await box.text("spawn"))
        (child,) = _parents(grandchild)
    assert not is_alive(child)
    assert not is_alive(grandchild)


async def test_a_close_that_is_cancelled_midway_kills_at_once():
    box = Bench()
    await box.ready(entry(options=stdio_options("--stubborn")))
    grandchild = int(await box.text("spawn"))
    (child,) = _parents(grandchild)
    closing = asyncio.ensure_future(box.pool.close())
    await asyncio.sleep(0.05)
    assert is_alive(child)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await until_dead(child)
    await until_dead(grandchild)


async def test_a_server_that_exits_at_the_modern_request_is_tried_with_the_legacy_handshake():
    async with bench(entry(options=stdio_options("--dies-of-discover"))) as box:
        assert await box.text("echo", text="hello") == "hello"
        assert box.listener.changes[0].error == "exited with status 1: unknown method"


async def test_the_era_of_a_silent_legacy_server_is_probed_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handshake, "HEDGE_SECONDS", 0.05)
    async with bench(entry(options=stdio_options("--era", "silent"))) as box:
        assert await box.text("echo", text="hello") == "hello"
        monkeypatch.setattr(handshake, "HEDGE_SECONDS", 600.0)
        with pytest.raises(DownstreamUnavailableError):
            await box.call("crash")
        assert await box.text("echo", text="no second silence") == "no second silence"


async def test_the_modern_era_is_chosen_for_a_slow_starter_of_both(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handshake, "HEDGE_SECONDS", 0.0)
    async with bench(entry(options=stdio_options("--era", "both"))) as box:
        params = result(await box.call("params"))["structuredContent"]
    assert params["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"


async def test_a_program_that_never_answers_is_given_up():
    silent = entry(options={"command": [sys.executable, "-c", "import sys; sys.stdin.read()"]})
    box = Bench(replace(QUICK, connect=0.3))
    box.pool.apply([silent])
    change = await box.listener.status(DownstreamStatus.DEGRADED)
    assert change.error == "did not get ready within 0.3 s"
    with pytest.raises(DownstreamTimeoutError, match="box: did not get ready"):
        await box.pool.probe(silent)
    await box.pool.close()
    await until_childless()


def _parents(grandchild: int) -> list[int]:
    stat = Path(f"/proc/{grandchild}/stat").read_text().rpartition(")")[2].split()
    return [int(stat[1])]
