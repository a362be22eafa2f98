"""Decodes images for terminals that cannot do it themselves, with Pillow, which the extra `images` installs."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Final

from ambassador_client.cli.sixel import TRANSPARENT, sixel

if TYPE_CHECKING:
    from PIL import Image

ADD_PILLOW: Final = "pipx inject mcp-ambassador pillow, or pip install 'mcp-ambassador[images]'"

_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
# A decoded pixel takes four bytes.
_MAX_PIXELS: Final = 32_000_000
# Terminals refuse or cut larger images, xterm by default those beyond this in either direction.
_MAX_SIDE: Final = 1000
_OPAQUE: Final = 128
_TOO_LARGE: Final = "too large to be shown"


class NotShownError(Exception):
    """The image cannot be shown in this terminal; the text says why."""


def as_sixel(data: bytes, max_width: int) -> str:
    """Return the control sequence that draws the image, or its first frame, at most so many pixels wide."""
    image = _decoded(data, min(max_width, _MAX_SIDE))
    indexed = image.convert("RGB").quantize(TRANSPARENT)
    invisible = image.getchannel("A").point([255] * _OPAQUE + [0] * (256 - _OPAQUE))
    indexed.paste(TRANSPARENT, mask=invisible)
    return sixel(indexed.tobytes(), indexed.width, indexed.getpalette() or [])


def as_png(data: bytes, max_width: int) -> bytes:
    """Return the image, or its first frame, as PNG, at most so many pixels wide."""
    target = BytesIO()
    _decoded(data, min(max_width, _MAX_SIDE)).save(target, "PNG")
    return target.getvalue()


def _decoded(data: bytes, max_width: int) -> "Image.Image":
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise NotShownError(f"to see it here: {ADD_PILLOW}") from error
    try:
        with _no_warnings(), Image.open(BytesIO(data), formats=_FORMATS) as image:
            # Only the header is read so far.
            if image.width * image.height > _MAX_PIXELS:
                raise NotShownError(_TOO_LARGE)
            image.draft("RGB", (_MAX_SIDE, _MAX_SIDE))
            upright = ImageOps.exif_transpose(image).convert("RGBA")
        upright.thumbnail((max_width, _MAX_SIDE))
    except NotShownError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise NotShownError(_TOO_LARGE) from error
    # The decoders raise nearly any kind of error for data that is damaged, and a tool may return such data.
    except Exception as error:
        raise NotShownError("damaged, so not shown") from error
    return upright


@contextmanager
def _no_warnings() -> Iterator[None]:
    # What Pillow finds odd in an image is nothing for a person to read beside the result of a tool.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
