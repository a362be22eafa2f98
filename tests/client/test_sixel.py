"""Images as sixel: the encoder, what is decoded for it, and what is refused."""

import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ambassador_client.cli.image_decoding import NotShownError, as_png, as_sixel
from ambassador_client.cli.sixel import TRANSPARENT, sixel
from tests.client.sixels import DrawnImage, drawn_images

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
QUARTERS = {(0, 0): RED, (1, 0): GREEN, (0, 1): BLUE, (1, 1): WHITE}
"""The colours of an image of two by two squares, by column and row of squares."""


def quarters(side: int = 20) -> Image.Image:
    image = Image.new("RGB", (2 * side, 2 * side))
    for (x, y), colour in QUARTERS.items():
        image.paste(colour, (x * side, y * side, (x + 1) * side, (y + 1) * side))
    return image


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def drawn(data: bytes, max_width: int = 800) -> DrawnImage:
    sequence = as_sixel(data, max_width)
    (image,) = drawn_images(sequence)
    return image


def near(seen: tuple[int, int, int], colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other * 100 / 255) <= 4 for one, other in zip(seen, colour, strict=True))


def assert_quarters(image: DrawnImage) -> None:
    width, height = image.size
    for (x, y), colour in QUARTERS.items():
        seen = image.pixels[width * (1 + 2 * x) // 4, height * (1 + 2 * y) // 4]
        assert near(seen, colour), (x, y, seen)


@given(st.data())
def test_terminal_draws_the_pixels_that_were_encoded(data: st.DataObject):
    width, height = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 15))
    index = st.sampled_from([0, 0, 0, 1, 2, 254, TRANSPARENT])
    pixels = bytes(data.draw(st.lists(index, min_size=width * height, max_size=width * height)))
    palette = [value * 51 for each in range(256) for value in (each % 6, each // 6 % 6, each // 36 % 6)]
    (image,) = drawn_images(sixel(pixels, width, palette))
    assert image.size == (width, height)
    assert image.pixels == {
        (at % width, at // width): tuple(value * 100 // 255 for value in palette[3 * one : 3 * one + 3])
        for at, one in enumerate(pixels)
        if one != TRANSPARENT
    }


def test_each_pixel_has_its_colour():
    image = drawn(encoded(quarters(7), "PNG"))
    assert image.size == (14, 14)
    assert image.pixels == {
        (x, y): tuple(value * 100 // 255 for value in QUARTERS[x // 7, y // 7])
        for x in range(14)
        for y in range(14)
    }


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_png_of_any_mode_is_drawn(mode: str):
    assert_quarters(drawn(encoded(quarters().convert(mode), "PNG")))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_grey_is_drawn(mode: str):
    white = {"I;16": 65535, "LA": (255, 255)}.get(mode, 255)
    image = drawn(encoded(Image.new(mode, (3, 2), white), "PNG"))
    assert set(image.pixels.values()) == {(100, 100, 100)}
    assert len(image.pixels) == 6


@pytest.mark.parametrize(
    ("form", "options"),
    [("JPEG", {"quality": 95}), ("GIF", {}), ("WEBP", {"quality": 95}), ("WEBP", {"lossless": True})],
)
def test_other_formats_are_drawn(form: str, options: dict[str, Any]):
    assert_quarters(drawn(encoded(quarters(), form, **options)))


def test_photograph_for_print_is_drawn():
    assert_quarters(drawn(encoded(quarters().convert("CMYK"), "JPEG", quality=95)))


def test_photograph_is_turned_as_its_camera_was():
    turned = quarters().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    assert_quarters(drawn(encoded(turned, "JPEG", quality=95, exif=exif)))


def test_transparent_pixels_keep_the_background():
    image = quarters(5).convert("RGBA")
    image.putpixel((0, 0), (*RED, 0))
    image.putpixel((9, 9), (*WHITE, 127))
    image.putpixel((9, 0), (*GREEN, 128))
    pixels = drawn(encoded(image, "PNG")).pixels
    assert {(x, y) for x in range(10) for y in range(10)} - set(pixels) == {(0, 0), (9, 9)}


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_first_frame_of_an_animation_is_drawn(form: str):
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, GREEN)]
    data = encoded(
        quarters(), form, save_all=True, append_images=frames, **({} if form == "GIF" else {"lossless": True})
    )
    assert_quarters(drawn(data))


@pytest.mark.parametrize(
    ("width", "height", "max_width", "size"),
    [
        (20, 10, 800, (20, 10)),
        (1600, 200, 800, (800, 100)),
        (4000, 100, 4000, (1000, 25)),
        (100, 4000, 800, (25, 1000)),
        (1, 30_000, 800, (1, 1000)),
        (300, 300, 1, (1, 1)),
    ],
)
def test_image_fits_into_the_terminal(width: int, height: int, max_width: int, size: tuple[int, int]):
    data = encoded(Image.new("RGB", (width, height), BLUE), "PNG")
    image = drawn(data, max_width)
    assert image.size == size
    assert set(image.pixels.values()) == {(0, 0, 100)}


def test_many_colours_become_few():
    image = Image.linear_gradient("L").resize((300, 300))
    data = encoded(Image.merge("RGB", (image, image.rotate(90), image.rotate(180))), "PNG")
    shown = drawn(data)
    assert len(set(shown.pixels.values())) <= 255
    assert len(shown.pixels) == 300 * 300


def huge(width: int, height: int) -> bytes:
    """Return a PNG whose header promises so many pixels, and a few bytes that would unpack to some of them."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8000, 4001), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_image_of_too_many_pixels_is_not_decoded(size: tuple[int, int]):
    with pytest.raises(NotShownError, match="too large to be shown"):
        as_sixel(huge(*size), 800)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_truncated_image_is_refused(form: str):
    data = encoded(quarters(60), form)
    for length in (4, 16, len(data) // 2):
        with pytest.raises(NotShownError, match="damaged, so not shown"):
            as_sixel(data[:length], 800)


def test_other_formats_are_not_even_tried():
    with pytest.raises(NotShownError):
        as_sixel(encoded(quarters(), "TIFF"), 800)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
@given(data=st.data())
def test_damaged_image_is_drawn_or_refused(form: str, data: st.DataObject):
    image = bytearray(encoded(quarters(4), form))
    for _ in range(data.draw(st.integers(1, 6))):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    try:
        sequence = as_sixel(bytes(image), 100)
    except NotShownError:
        return
    assert len(drawn_images(sequence)) == 1
    assert sequence[2:-2].isprintable()


def test_png_is_made_of_other_formats():
    with Image.open(io.BytesIO(as_png(encoded(quarters(300), "JPEG"), 100))) as image:
        assert (image.format, image.size) == ("PNG", (100, 100))
