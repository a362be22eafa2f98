"""Shows images in terminals that can: as kitty or iTerm2 do where the environment tells, else as sixel."""

import base64
from collections.abc import Mapping
from typing import Final

from ambassador_client.cli.image_decoding import as_png, as_sixel
from ambassador_client.cli.terminal_query import has_sixel, pixel_width

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SIGNATURES: Final = (_PNG, b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF")
_MAX_BYTES: Final = 8 << 20
_CHUNK: Final = 4096

_KITTY_TERMS: Final = ("xterm-kitty", "xterm-ghostty")
_KITTY_PROGRAMS: Final = ("ghostty",)
_ITERM_PROGRAMS: Final = ("iTerm.app", "WezTerm", "mintty", "rio")


def image_sequence(data: bytes, environ: Mapping[str, str]) -> str | None:
    """Return the control sequence that shows an image in this terminal; None if the terminal or the image cannot.

    The data is only ever written encoded, so that nothing in it controls the terminal.
    Raises `NotShownError` where the terminal could show the image and the reason why it does not is of use.
    """
    if not data.startswith(_SIGNATURES) or len(data) > _MAX_BYTES:
        return None
    # tmux and screen pass on the variables of the terminal around them, but not its sequences. They answer themselves
    # when they are asked for sixel.
    if not _is_multiplexed(environ):
        if _is_iterm(environ):
            return _for_iterm(data)
        if _is_kitty(environ):
            # kitty itself decodes only PNG.
            return _for_kitty(data if data.startswith(_PNG) else as_png(data, pixel_width()))
    return as_sixel(data, pixel_width()) if has_sixel(environ) else None


def _is_multiplexed(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("TMUX") or environ.get("STY")) or environ.get("TERM", "dumb").startswith(
        ("dumb", "tmux", "screen")
    )


def _is_kitty(environ: Mapping[str, str]) -> bool:
    return (
        environ.get("TERM") in _KITTY_TERMS
        or environ.get("TERM_PROGRAM") in _KITTY_PROGRAMS
        or bool(environ.get("KITTY_WINDOW_ID"))
    )


def _is_iterm(environ: Mapping[str, str]) -> bool:
    return environ.get("TERM_PROGRAM") in _ITERM_PROGRAMS or environ.get("LC_TERMINAL") == "iTerm2"


def _for_kitty(data: bytes) -> str:
    encoded = base64.b64encode(data).decode("ascii")
    chunks = [encoded[start : start + _CHUNK] for start in range(0, len(encoded), _CHUNK)]
    # q=2: the terminal must not answer, because the answer would be typed at the next prompt.
    options = ["a=T,f=100,q=2,", *[""] * (len(chunks) - 1)]
    more = [1] * (len(chunks) - 1) + [0]
    return "".join(
        f"\x1b_G{option}m={is_more};{chunk}\x1b\\"
        for option, is_more, chunk in zip(options, more, chunks, strict=True)
    )


def _for_iterm(data: bytes) -> str:
    encoded = base64.b64encode(data).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(data)};preserveAspectRatio=1:{encoded}\a"
