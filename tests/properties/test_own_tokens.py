"""No token of this product survives in any disguise: split, encoded, or in letters of other widths and styles."""

import base64
import json
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.secrets.encoded_tokens import TOKEN_LENGTHS
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.domain.secrets.redaction import redact, redact_details
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.domain.secrets.tokens import (
    ADMIN_KEY_PREFIX,
    PRESHARED_KEY_PREFIX,
    SESSION_TOKEN_PREFIX,
    mint_key,
)
from tests.effort import examples
from tests.properties.test_redaction import texts_in

KEY = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
SESSION_TOKENS = st.builds(
    lambda one, two, end: mint_key(SESSION_TOKEN_PREFIX) + mint_key("") + end,
    st.none(),
    st.none(),
    st.text(KEY, min_size=4, max_size=4),
)
TOKENS = st.sampled_from([PRESHARED_KEY_PREFIX, ADMIN_KEY_PREFIX]).map(mint_key) | SESSION_TOKENS


def wide(token: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) for each in token)


def bold(token: str) -> str:
    return "".join(chr(0x1D41A + ord(each) - ord("a")) if each.islower() else each for each in token)


def each(form: Callable[[str], str]) -> Callable[[str], str]:
    return lambda token: "".join(map(form, token))


def surrogates(character: str) -> str:
    return json.dumps(character)[1:-1]


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case prefix": lambda token: token[:7].upper() + token[7:],
    "base64": lambda token: base64.b64encode(token.encode()).decode(),
    "base64, one byte later": lambda token: base64.b64encode(f"x{token}".encode()).decode(),
    "base64, two bytes later": lambda token: base64.b64encode(f"xy{token}".encode()).decode(),
    "base64 for URLs": lambda token: base64.urlsafe_b64encode(f"{token}\x7f".encode()).decode().rstrip("="),
    "base64 in lines": lambda token: base64.encodebytes(f"key: {token}".encode()).decode(),
    "base64 of UTF-16": lambda token: base64.b64encode(token.encode("utf-16-le")).decode(),
    "base64 of JSON": lambda token: base64.b64encode(json.dumps({"key": token}).encode()).decode(),
    "base64 twice": lambda token: base64.b64encode(base64.b64encode(f"k={token}".encode())).decode(),
    "base32": lambda token: base64.b32encode(token.encode()).decode(),
    "base32, two bytes later": lambda token: base64.b32encode(f"xy{token}".encode()).decode(),
    "small base32": lambda token: base64.b32encode(f"xyz{token}".encode()).decode().lower(),
    "hexadecimal": lambda token: token.encode().hex(),
    "capital hexadecimal": lambda token: token.encode().hex().upper(),
    "hexadecimal with colons": lambda token: token.encode().hex(":"),
    "hexadecimal with spaces": lambda token: token.encode().hex(" "),
    "hexadecimal list": lambda token: ", ".join(f"0x{byte:02x}" for byte in token.encode()),
    "percent": each(lambda character: f"%{ord(character):02x}"),
    "percent, low lines only": lambda token: token.replace("_", "%5F"),
    "percent, first letter only": lambda token: "%61" + token[1:],
    "percent twice": lambda token: quote(each(lambda character: f"%{ord(character):02X}")(token)),
    "unicode escapes": each(lambda character: f"\\u{ord(character):04x}"),
    "unicode escapes in JSON": each(lambda character: f"\\\\u{ord(character):04x}"),
    "unicode escapes in braces": each(lambda character: f"\\u{{{ord(character):x}}}"),
    "byte escapes": each(lambda character: f"\\x{ord(character):02x}"),
    "octal escapes": each(lambda character: f"\\{ord(character):03o}"),
    "decimal entities": each(lambda character: f"&#{ord(character)};"),
    "hexadecimal entities": each(lambda character: f"&#x{ord(character):X};"),
    "quoted-printable": lambda token: token.replace("_", "=5F"),
    "wide letters": wide,
    "wide letters, percent": lambda token: quote(wide(token)),
    "wide letters, escaped": lambda token: json.dumps(wide(token))[1:-1],
    "bold letters": bold,
    "bold letters, escaped": lambda token: json.dumps(bold(token))[1:-1],
}
SEPARATORS = (
    *(
        " ",
        "\n",
        "\t",
        "\r\n",
        "\u200b",
        "\u200d",
        "\u00ad",
        "\ufeff",
        "\u2060",
        "\u00a0",
        "\u3000",
        "\\n",
        "\\\n",
    ),
    *(
        '" + "',
        "' + '",
        '" "',
        "' || '",
        '", "',
        "' . '",
        '"\n    + "',
        "` + `",
        "'&'",
        ".",
        "/",
        "|",
        "*",
        "\u0301",
    ),
)
AROUND = st.text(" .,;:!?()abc\u00e4\u4f60", max_size=12).map(lambda text: f"{text} ")


def remains(token: str, shown: Any) -> bool:
    """Tell whether enough of the token is shown, plain or in letters of another style, to be of use."""
    whole = unicodedata.normalize("NFKC", " ".join(texts_in(shown)))
    letters = "".join(filter(KEY.__contains__, whole))
    return any(token[start : start + 9] in letters for start in range(7, len(token) - 9))


def forms(text: str) -> list[Any]:
    """Return what is recorded or shown of the text, under every policy that keeps texts."""
    return [
        mask_text(text),
        redact({"text": ["a", text], text: 1}, ArgumentPolicy.REDACTED),
        redact({"text": ["a", text], text: 1}, ArgumentPolicy.FULL),
        redact_details({"before": text}),
        mask_options({"args": [text], "env": {"X": text}}),
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(token=TOKENS, before=AROUND, after=AROUND)
@examples(10)
def test_no_encoded_token_survives(encoding: str, token: str, before: str, after: str):
    encoded = ENCODINGS[encoding](token)
    for shown in forms(f"{before}{encoded} {after}"):
        assert not remains(token, shown)
        text = " ".join(texts_in(shown))
        middle = len(encoded) // 2
        assert encoded[middle : middle + 16] not in text
        assert encoded[-24:-8] not in text


@pytest.mark.parametrize("prefix", TOKEN_LENGTHS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoded_token_of_few_different_characters_survives(encoding: str, prefix: str):
    """What a random token nearly always has, such as a digit in its encoded form, is no condition."""
    for letters in ("aAbBcCdD", "EFGH", "z", "ZQq", "_", "-"):
        token = prefix + (letters * TOKEN_LENGTHS[prefix])[: TOKEN_LENGTHS[prefix]]
        encoded = ENCODINGS[encoding](token)
        for shown in forms(f"of {encoded} here"):
            assert encoded not in " ".join(texts_in(shown))


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
@given(token=TOKENS, data=st.data())
@examples(10)
def test_no_split_token_survives(separator: str, token: str, data: st.DataObject):
    size = data.draw(st.integers(1, 40))
    parts = [token[start : start + size] for start in range(0, len(token), size)]
    for shown in forms(f'key = "{separator.join(parts)}" then'):
        assert not remains(token, shown)


@given(token=TOKENS, position=st.integers(1, 6))
def test_a_token_that_is_split_over_values_does_not_survive(token: str, position: int):
    long_name = "the_continuation_of_what_the_member_before_has_begun_to_say"
    third = len(token) // 3
    encoded = base64.b64encode(token.encode()).decode()
    pieces = [encoded[start : start + 20] for start in range(0, len(encoded), 20)]
    for policy in (ArgumentPolicy.REDACTED, ArgumentPolicy.FULL):
        shown = json.dumps(redact(pieces, policy))
        assert not [piece for piece in pieces[:4] if piece in shown]
    for value in (
        list(token),
        {"prefix": token[:7], "note": "hello", "body": token[7:]},
        [token[:7], token[7:]],
        {"a": token[:7], "b": {"c": token[7:]}},
        [token[:position], token[position:]],
        {str(number): character for number, character in enumerate(token)},
        [{long_name: token[:third]}, {long_name: token[third:]}],
        {"x": token[:position], long_name: token[position:]},
    ):
        for policy in (ArgumentPolicy.REDACTED, ArgumentPolicy.FULL):
            assert not remains(token, redact(value, policy)), (policy, value)


@given(token=TOKENS, before=AROUND)
def test_a_token_in_a_list_of_bytes_does_not_survive(token: str, before: str):
    data = list(f"{before}{token}".encode())
    for policy in (ArgumentPolicy.REDACTED, ArgumentPolicy.FULL):
        assert str(data[-1]) not in json.dumps(redact({"type": "Buffer", "data": data}, policy))
    numbers = [ord("a")] * 100
    assert redact(numbers, ArgumentPolicy.FULL) == numbers


@given(before=AROUND, after=AROUND, token=TOKENS)
def test_the_text_around_a_token_stays(before: str, after: str, token: str):
    assert mask_text(f"{before}{token} {after}") == f"{before}[redacted] {after}"


@pytest.mark.parametrize(
    "text",
    [
        "amb_pk_ is the prefix of keys that every user of this product has got",
        "\\u0061mb_pk_ is an escape, %61mb_ too",
        "YW1iX3Br is a part of it",
        "616d625f706b5f is how it begins",
        "amb_pk_",
    ],
)
def test_what_tells_only_how_tokens_begin_stays_readable(text: str):
    shown = mask_text(text)
    assert len(shown) > len(text) // 2
