"""Images in the result of a tool: shown by a terminal that can, else saved to a file whose name is printed."""

import base64
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from ambassador_client.cli.image_decoding import NotShownError
from ambassador_client.cli.terminal_images import image_sequence
from tests.client.fake_server import FakeServer
from tests.client.host import environment
from tests.client.terminal import at_terminal
from tests.client.test_cli import run

KITTY = {"KITTY_WINDOW_ID": "1"}
ITERM = {"TERM_PROGRAM": "iTerm.app"}


def png(*, size: int = 0) -> bytes:
    """Return an image of one pixel, with so many bytes of text in it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + checksum

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    text = chunk(b"tEXt", b"a\0" + b"x" * size) if size else b""
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + pixels + chunk(b"IEND", b"")


JPEG = b"\xff\xd8\xff\xe0" + b"j" * 20


@pytest.fixture
def drawn(server: FakeServer) -> bytes:
    """The image in the answer to every call."""
    image = png(size=20_000)

    async def answer(*_: Any) -> dict[str, Any]:
        block = {"type": "image", "mimeType": "image/png", "data": base64.b64encode(image).decode()}
        return {"content": [{"type": "text", "text": "see"}, block]}

    server.methods["tools/call"] = answer
    return image


def saved_images(state: Path) -> list[Path]:
    return sorted(state.rglob("*.png"))


def shown_by_kitty(seen: str) -> bytes:
    parts = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", seen)
    assert parts[0][0] == "a=T,f=100,q=2,m=1"
    assert [options for options, _ in parts[1:]] == ["m=1"] * (len(parts) - 2) + ["m=0"]
    assert max(len(chunk) for _, chunk in parts) <= 4096
    return base64.b64decode("".join(chunk for _, chunk in parts))


async def test_kitty_gets_the_image_in_chunks(server: FakeServer, state: Path, drawn: bytes):
    env = environment(server.url, state, TMPDIR=str(state), **KITTY)
    async with at_terminal("call", "echo", env=env) as terminal:
        assert await terminal.end() == 0
    assert shown_by_kitty(terminal.seen) == drawn
    assert "saved as" not in terminal.seen
    assert not saved_images(state)


async def test_iterm_gets_the_image_inline(server: FakeServer, state: Path, drawn: bytes):
    kept = state / "kept"
    env = environment(server.url, state, **ITERM)
    async with at_terminal("call", "echo", "--save", str(kept), env=env) as terminal:
        assert await terminal.end() == 0
    (found,) = re.findall(
        r"\x1b]1337;File=inline=1;size=(\d+);preserveAspectRatio=1:([^\a]*)\a", terminal.seen
    )
    assert (int(found[0]), base64.b64decode(found[1])) == (len(drawn), drawn)
    assert [path.read_bytes() for path in kept.iterdir()] == [drawn]


@pytest.mark.parametrize("more", [{}, {**KITTY, "TMUX": "/tmp/tmux"}, {**ITERM, "STY": "1.pts"}])
async def test_other_terminals_get_the_name_of_a_file(
    server: FakeServer, state: Path, drawn: bytes, more: dict[str, str]
):
    env = environment(server.url, state, TMPDIR=str(state), **more)
    async with at_terminal("call", "echo", env=env) as terminal:
        assert await terminal.end() == 0
    (saved,) = saved_images(state)
    assert f"saved as {saved}" in terminal.seen.replace("\r\n", "")
    assert saved.read_bytes() == drawn
    assert "\x1b_G" not in terminal.seen
    assert "1337" not in terminal.seen


async def test_output_that_is_no_terminal_never_has_a_control_sequence(
    server: FakeServer, state: Path, drawn: bytes
):
    env = environment(server.url, state, TMPDIR=str(state), TERM="xterm-kitty", **KITTY)
    code, output, errors = await run("call", "echo", env=env)
    assert (code, output) == (0, "see\n")
    (saved,) = saved_images(state)
    assert errors == f"image (image/png, {len(drawn)} bytes): saved as {saved}\n"


@pytest.mark.parametrize(
    ("data", "environ", "is_shown"),
    [
        (png(), {"TERM": "xterm-kitty"}, True),
        (png(), {"TERM": "xterm-ghostty"}, True),
        (png(), {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True),
        (png(), {"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, True),
        (JPEG, {"TERM": "xterm-256color", **ITERM}, True),
        (png(), {"TERM": "xterm-256color"}, False),
        (png(), {"TERM": "dumb", **ITERM}, False),
        (png(), {"TERM": "tmux-256color", **KITTY}, False),
        (png(), {**ITERM}, False),
        (b"\x1b]0;title\a", {"TERM": "xterm-kitty"}, False),
        (png(size=9 << 20), {"TERM": "xterm-kitty"}, False),
    ],
)
def test_terminal_is_known_by_its_environment(data: bytes, environ: dict[str, str], is_shown: bool):
    assert (image_sequence(data, environ) is not None) == is_shown


def test_damaged_image_is_not_sent_to_a_terminal_that_gets_it_decoded():
    with pytest.raises(NotShownError, match="damaged"):
        image_sequence(JPEG, {"TERM": "xterm-kitty"})
