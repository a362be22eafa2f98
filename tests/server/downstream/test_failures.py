"""What an administrator learns of a program that hangs or crashes, also after the next attempt to connect."""

import sys
from dataclasses import replace

import pytest

from ambassador_admin.api import mcps
from ambassador_admin.api.client import patience
from ambassador_protocol.admin.mcps import McpPut
from ambassador_server.domain.catalog.mcps import DownstreamStatus, Mcp
from ambassador_server.downstream.supervisor import Limits
from ambassador_server.downstream.transports.stdio import GRACE_SECONDS
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from tests.server.downstream.support import QUICK, Bench, bench, entry, until_childless

HASTY = replace(QUICK, connect=1.0)


def program(code: str) -> Mcp:
    """Return an entry whose program runs this code."""
    return entry(options={"command": [sys.executable, "-u", "-c", code]})


@pytest.mark.parametrize(
    "code",
    [
        "import sys, time; sys.stderr.write('Enter the API key: '); time.sleep(600)",
        "import sys, time; print('Enter the API key:', file=sys.stderr); time.sleep(600)",
        "import time; print('Enter the API key:'); time.sleep(600)",
        "import time; print('Enter the API key: ', end=''); time.sleep(600)",
        "import sys, time; sys.stderr.write('Enter the API key: \\x1b[0m\\n\\x1b[0m'); time.sleep(600)",
    ],
)
async def test_a_handshake_that_hangs_shows_the_last_line_of_the_program(code: str):
    asking, box = program(code), Bench(HASTY)
    with pytest.raises(DownstreamTimeoutError, match=r"did not get ready within 1 s: Enter the API key:"):
        await box.pool.probe(asking)
    box.pool.apply([asking])
    change = await box.listener.status(DownstreamStatus.DEGRADED)
    assert change.error is not None
    assert "did not get ready within 1 s: Enter the API key:" in change.error
    await box.pool.close()
    await until_childless()


async def test_the_end_of_a_long_line_is_shown():
    long = program("import sys, time; sys.stderr.write('x' * 9000 + ' no licence'); time.sleep(600)")
    box = Bench(HASTY)
    with pytest.raises(DownstreamTimeoutError, match=r"within 1 s: xxx.*x no licence$"):
        await box.pool.probe(long)
    await box.pool.close()
    await until_childless()


async def test_an_unfinished_answer_is_no_output_to_read():
    code = """if 1:
        import json, sys
        for line in sys.stdin:
            number = json.loads(line)["id"]
            sys.stdout.write('{"jsonrpc":"2.0","id":%d,"result":{"secret":"of a user' % number)
            sys.stdout.flush()
            sys.exit(3)
        """
    box = Bench(HASTY)
    with pytest.raises(DownstreamUnavailableError, match=r"exited with status 3$"):
        await box.pool.probe(program(code))
    assert box.pool.recent_output("m1") == ()
    await box.pool.close()


async def test_a_failed_test_of_an_entry_that_does_not_run_leaves_its_output_and_its_error():
    box, crashing = Bench(), program("import sys; print('one', file=sys.stderr); sys.exit('two')")
    with pytest.raises(DownstreamUnavailableError):
        await box.pool.probe(crashing)
    assert [line.text for line in box.pool.recent_output("m1")] == ["one", "two"]
    failure = box.pool.state("m1").last_failure
    assert failure is not None
    assert failure.error == "exited with status 1: two"
    assert box.pool.state("m1").status is DownstreamStatus.STOPPED
    await box.pool.probe(entry())
    assert box.pool.recent_output("m1") == ()
    assert box.pool.state("m1").last_failure is None


async def test_the_output_and_the_error_of_a_crash_stay_after_the_recovery():
    async with bench(entry()) as box:
        with pytest.raises(DownstreamUnavailableError):
            await box.call("crash")
        assert await box.text("echo", text="back") == "back"
        await box.listener.until(lambda change: change.status is DownstreamStatus.DEGRADED)
        state = box.pool.state("m1")
        assert (state.status, state.error) == (DownstreamStatus.READY, None)
        assert state.last_failure is not None
        assert state.last_failure.error == "exited with status 3: giving up: out of cheese"
        assert "giving up: out of cheese" in [line.text for line in box.pool.recent_output("m1")]
        box.listener.changes.clear()
        box.pool.restart("m1")
        assert box.pool.state("m1").last_failure == state.last_failure
        await box.listener.ready("m1")
        assert box.pool.state("m1").last_failure == state.last_failure
        assert "giving up: out of cheese" in [line.text for line in box.pool.recent_output("m1")]


def test_the_admin_cli_waits_longer_than_the_server_may_take():
    """The server tries to connect, and then may have to stop the program in up to four steps."""
    longest = Limits().connect + 4 * GRACE_SECONDS
    for request in (mcps.test("x"), mcps.publish("x"), mcps.update("x", McpPut(), test=True)):
        waits = patience(request).read
        assert waits is not None
        assert waits > longest
