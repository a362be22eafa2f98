"""`call` at a terminal and in a pipe, against real downstreams that report progress, return images and fail."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.terminal import at_terminal
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import LEGACY
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import Caller, Downstream, World, running, until
from tests.rig import Rig

STEPS = '{"steps": 3, "size": 4}'
LONG = '{"steps": 2, "size": 4, "seconds": 600}'


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.publish_fixture("piped")
        yield started


@pytest.fixture
def client(world: World, tmp_path: Path) -> Client:
    client = Client(world, tmp_path)
    client.login(world.person())
    return client


def cancelled(caller: Caller, mcp: str) -> int:
    return int(caller.call(LEGACY, f"{mcp}__cancelled").text)


@pytest.mark.parametrize("mcp", ["tools", "piped"])
async def test_progress_is_shown_at_a_terminal_and_ctrl_c_cancels_the_call(
    client: Client, world: World, mcp: str
) -> None:
    caller = world.caller()
    before = cancelled(caller, mcp)
    async with at_terminal("call", f"{mcp}__progress", "--json", LONG, env=client.environment) as terminal:
        await terminal.until("2/2")
        await terminal.until("xxxx")
        await terminal.type("\x03")
        assert await terminal.end() == 130
    bar, interrupted, words = terminal.seen.rpartition("Interrupted")
    assert bar.endswith("\x1b[2K"), "the bar leaves no trace"
    assert interrupted + words == (
        f"Interrupted before the answer to the call of {mcp}__progress: it may have run, or not.\r\n"
    )
    until(lambda: cancelled(caller, mcp) == before + 1, "the downstream knows")


async def test_narrow_terminals_and_terminals_without_control_codes_are_supported(client: Client) -> None:
    for more in ({"COLUMNS": "20"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}):
        env = {**client.environment, **more}
        async with at_terminal("call", "tools__progress", "--json", STEPS, env=env) as terminal:
            assert await terminal.end() == 0
        assert re.search(r"[0-9]+\r?\n?$", terminal.seen.rstrip()), terminal.seen
        if "NO_COLOR" in more:
            assert not re.search(r"\x1b\[[0-9;]*[1-9][0-9;]*m", terminal.seen.replace("\x1b[0m", ""))


def test_pipe_gets_only_the_result(client: Client) -> None:
    done = client.run("call", "tools__progress", "--json", STEPS)
    assert done.stdout.strip().isdigit()
    assert done.stderr == ""


def test_images_and_audio_are_written_to_new_files(client: Client) -> None:
    kept = client.home / "kept"
    for times in (1, 2):
        done = client.run("call", "tools__media", "width=5", "--save", str(kept))
        assert done.stdout == "a memo\nmemo://2\n"
        assert done.stderr.count("saved as") == 3
        assert len(list(kept.iterdir())) == 3 * times
    assert {path.read_bytes() for path in kept.iterdir()} == {b"ppppp", b"ding", b"\0\1"}
    assert {path.suffix for path in kept.iterdir()} == {".png", ".wav", ".bin"}
    assert all(path.name.startswith("tools__media-") for path in kept.iterdir())
    target = client.home / "elsewhere"
    (kept / "tools__media-7.png").symlink_to(target)
    client.run("call", "tools__media", "width=5", "--save", str(kept))
    assert not target.exists()
    temporary = client.home / "temporary"
    temporary.mkdir()
    told = client.run("call", "tools__media", "width=5", TMPDIR=str(temporary)).stderr
    (saved,) = temporary.rglob("*.png")
    assert f"image (image/png, 5 bytes): saved as {saved}\n" in told
    assert saved.read_bytes() == b"ppppp"
    assert stat.S_IMODE(saved.parent.stat().st_mode) == 0o700
    assert "audio (audio/wav, 4 bytes): not saved; use --save DIR" in told
    whole = json.loads(client.run("call", "tools__media", "width=5", "-o", "json").stdout)
    assert [each["type"] for each in whole["content"]][:2] == ["image", "audio"]


def test_destination_that_is_no_directory_is_named(client: Client) -> None:
    (client.home / "file").touch()
    words = ["call", "tools__media", "width=5", "--save", str(client.home / "file")]
    assert "cannot write into" in client.run(*words, expect=2).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["width=wide"], "width must be integer, not 'wide'"),
        (["width=1", "format=gif"], "format cannot be 'gif'. It is one of: png, jpeg"),
        (["width=1", "height=1"], "the tool takes no argument 'height'. It takes: format, width"),
        (["format=png"], "the argument 'width' is missing. Add width=..., integer"),
        (["width=1", "width=2"], "width is given 2 times"),
        (["--json", '{"width": "wide"}'], 'width must be integer, not "wide"'),
        (["--json", '{"width": 1, "format": "gif"}'], 'format cannot be "gif". It is one of: png, jpeg'),
        (["--json", '{"width": 1, "height": 1}'], "the tool takes no argument 'height'"),
    ],
)
def test_wrong_argument_is_named_with_what_it_should_be(
    client: Client, tools: Downstream, words: list[str], told: str
) -> None:
    before = tools.count()
    done = client.run("call", "tools__media", *words, expect=2)
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert tools.count() == before


def test_tool_that_fails_says_so_and_its_answer_is_shown(client: Client) -> None:
    done = client.run("call", "tools__fail", expect=1)
    assert done.stdout == "it failed\n"
    assert done.stderr.startswith("AMB-4006 tools__fail ran and failed")
    assert client.run("call", "tools__refuse", expect=2).stderr.startswith("AMB-1001 no")
