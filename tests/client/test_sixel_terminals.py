"""Terminals that are asked whether they have sixel: what they answer, and how they are left."""

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.client.fake_server import FakeServer
from tests.client.host import environment
from tests.client.sixels import drawn_images
from tests.client.terminal import Terminal, at_terminal
from tests.client.test_sixel import assert_quarters, encoded, quarters

QUESTION = "\x1b[c"
WITH_SIXEL = "\x1b[?62;4;22c"


@pytest.fixture
def picture() -> bytes:
    return encoded(quarters(), "PNG")


@pytest.fixture
def pictures(server: FakeServer, picture: bytes) -> list[bytes]:
    """The images in the answer to every call; a test may change them."""
    images = [picture]

    async def answer(*_: Any) -> dict[str, Any]:
        blocks = [
            {"type": "image", "mimeType": "image/png", "data": base64.b64encode(each).decode()}
            for each in images
        ]
        return {"content": [{"type": "text", "text": "see"}, *blocks]}

    server.methods["tools/call"] = answer
    return images


@pytest.fixture
def env(server: FakeServer, state: Path, pictures: list[bytes]) -> dict[str, str]:
    """Of a terminal that is far away, which has the longer time to answer."""
    return environment(server.url, state, TMPDIR=str(state), SSH_CONNECTION="::1 1 ::1 22")


def saved_images(state: Path) -> list[Path]:
    return sorted(state.rglob("*.png"))


async def ended(terminal: Terminal, before: list[object]) -> str:
    assert await terminal.end() == 0
    assert terminal.modes() == before
    return terminal.seen.replace("\r\n", "")


@pytest.mark.parametrize(
    "answer", [WITH_SIXEL, "\x1b[?1;2;4c", "\x1b[0n" + WITH_SIXEL, "\x1b[?6" + "5;1;9;4c"]
)
async def test_terminal_with_sixel_gets_the_image(env: dict[str, str], state: Path, answer: str):
    async with at_terminal("call", "echo", env=env) as terminal:
        before = terminal.modes()
        await terminal.until(QUESTION)
        await terminal.type(answer)
        await ended(terminal, before)
    (image,) = drawn_images(terminal.seen)
    assert image.size == (40, 40)
    assert_quarters(image)
    assert "saved as" not in terminal.seen
    assert answer not in terminal.seen
    assert not saved_images(state)


@pytest.mark.parametrize(
    "answer",
    ["\x1b[?1;2c", "\x1b[?62;22c", "\x1b[?4;6c", "\x1b[?62;44;14c", "\x1b[?c", "x" * 300, "\x1b[?4;4"],
)
async def test_terminal_without_sixel_gets_the_name_of_a_file(
    env: dict[str, str], state: Path, picture: bytes, answer: str
):
    async with at_terminal("call", "echo", env=env) as terminal:
        before = terminal.modes()
        await terminal.until(QUESTION)
        await terminal.type(answer)
        seen = await ended(terminal, before)
    (saved,) = saved_images(state)
    assert saved.read_bytes() == picture
    assert seen.endswith(f"image (image/png, {len(picture)} bytes): saved as {saved}")
    assert "\x1bP" not in seen


@pytest.mark.parametrize("is_remote", [True, False])
async def test_terminal_that_does_not_answer_is_not_waited_for(
    env: dict[str, str], state: Path, pictures: list[bytes], is_remote: bool
):
    pictures *= 5
    if not is_remote:
        del env["SSH_CONNECTION"]
    async with at_terminal("call", "echo", env=env) as terminal:
        before = terminal.modes()
        await terminal.until("saved as")
        await terminal.type(WITH_SIXEL)
        seen = await ended(terminal, before)
    assert len(saved_images(state)) == 5
    assert seen.count(QUESTION) == 1
    assert "\x1bP" not in seen


async def test_terminal_is_asked_once_for_all_images(env: dict[str, str], pictures: list[bytes]):
    pictures[:] = [encoded(Image.new("RGB", (8, 8), colour), "PNG") for colour in ("red", "blue")]
    async with at_terminal("call", "echo", env=env) as terminal:
        before = terminal.modes()
        await terminal.until(QUESTION)
        await terminal.type(WITH_SIXEL)
        seen = await ended(terminal, before)
    assert [image.pixels[0, 0] for image in drawn_images(terminal.seen)] == [(100, 0, 0), (0, 0, 100)]
    assert seen.count(QUESTION) == 1


async def test_what_was_typed_ahead_stays_for_the_next_program(env: dict[str, str], state: Path):
    async with at_terminal("call", "echo", env=env) as terminal:
        before = terminal.modes()
        await terminal.type("ls\n")
        seen = await ended(terminal, before)
    assert QUESTION not in seen
    assert len(saved_images(state)) == 1


async def test_standard_input_that_is_no_terminal_is_not_asked(env: dict[str, str], state: Path):
    async with at_terminal("call", "echo", env=env, stdin=asyncio.subprocess.DEVNULL) as terminal:
        seen = await ended(terminal, terminal.modes())
    assert QUESTION not in seen
    assert len(saved_images(state)) == 1


async def test_interrupted_question_leaves_the_terminal_as_it_was(env: dict[str, str]):
    async with at_terminal("call", "echo", env=env) as terminal:
        before = terminal.modes()
        await terminal.until(QUESTION)
        assert terminal.modes() != before
        await terminal.type("\x03")
        assert await terminal.end() == 130
        assert terminal.modes() == before


async def test_without_the_library_the_line_names_the_extra(env: dict[str, str], state: Path):
    hidden = state / "hidden"
    hidden.mkdir()
    (hidden / "PIL.py").write_text("raise ImportError")
    async with at_terminal("call", "echo", env={**env, "PYTHONPATH": str(hidden)}) as terminal:
        before = terminal.modes()
        await terminal.until(QUESTION)
        await terminal.type(WITH_SIXEL)
        seen = await ended(terminal, before)
    (saved,) = saved_images(state)
    assert f"saved as {saved}; to see it here: pipx inject mcp-ambassador pillow" in seen
    assert "'mcp-ambassador[images]'" in seen


async def test_damaged_image_is_saved(env: dict[str, str], state: Path, pictures: list[bytes]):
    pictures[0] = pictures[0][:60]
    async with at_terminal("call", "echo", env=env) as terminal:
        before = terminal.modes()
        await terminal.until(QUESTION)
        await terminal.type(WITH_SIXEL)
        seen = await ended(terminal, before)
    (saved,) = saved_images(state)
    assert saved.read_bytes() == pictures[0]
    assert f"saved as {saved}; damaged, so not shown" in seen


async def test_kitty_gets_other_formats_as_png_and_is_not_asked(env: dict[str, str], pictures: list[bytes]):
    pictures[0] = encoded(quarters(), "JPEG")
    async with at_terminal("call", "echo", env={**env, "KITTY_WINDOW_ID": "1"}) as terminal:
        seen = await ended(terminal, terminal.modes())
    assert QUESTION not in seen
    data = base64.b64decode("".join(re.findall(r"\x1b_G[^;]*;([A-Za-z0-9+/=]*)\x1b\\", seen)))
    assert data.startswith(b"\x89PNG")


async def test_terminal_multiplexer_answers_for_itself(env: dict[str, str]):
    async with at_terminal(
        "call", "echo", env={**env, "TMUX": "/tmp/tmux", "KITTY_WINDOW_ID": "1"}
    ) as terminal:
        before = terminal.modes()
        await terminal.until(QUESTION)
        await terminal.type(WITH_SIXEL)
        await ended(terminal, before)
    assert len(drawn_images(terminal.seen)) == 1
