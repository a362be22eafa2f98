"""Every planted secret is masked and every harmless text stays, in arguments, in details and in options of an MCP."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.domain.secrets.redaction import redact, redact_details
from ambassador_server.domain.secrets.shapes import SHAPES, mask_text, needed_in, possible_shapes
from tests.server.domain.secrets.harmless import HARMLESS, HARMLESS_VALUES
from tests.server.domain.secrets.planted import GROUPS, planted, planted_values

PLANTED = tuple(planted())
PIECE = 6
"""So many characters of a secret may be left at most, as few as an issuer's prefix."""


def left_over(secret: str, shown: str) -> str:
    """Return the longest piece of the secret that is shown, if it is too long."""
    longest = ""
    for start in range(len(secret)):
        while secret[start : start + len(longest) + 1] in shown and start + len(longest) < len(secret):
            longest = secret[start : start + len(longest) + 1]
    return longest if len(longest) > PIECE else ""


def forms(text: str) -> dict[str, Any]:
    """Return every place in which the text may be recorded or shown."""
    value = {"a": [text], "b": {text: 1}}
    return {
        "text": mask_text(text),
        "arguments": redact(value, ArgumentPolicy.REDACTED),
        "details": redact_details(value),
        "options": mask_options({"args": [text], "url": text, "cwd": text}),
    }


def test_the_corpus_is_large():
    assert len(PLANTED) >= 250
    assert len({text for _, text, _ in PLANTED}) == len(PLANTED)
    assert {group for group, _, _ in PLANTED} >= set(GROUPS)
    assert len(HARMLESS) >= 80


@pytest.mark.parametrize(("group", "text", "secrets"), PLANTED, ids=[f"{n}" for n in range(len(PLANTED))])
def test_every_planted_secret_is_masked(group: str, text: str, secrets: list[str]):
    for place, shown in forms(text).items():
        whole = json.dumps(shown, ensure_ascii=False)
        found = [piece for secret in secrets if (piece := left_over(secret, whole))]
        assert not found, f"{group}, {place}: {whole} still has {found}"


@pytest.mark.parametrize(("value", "secrets"), list(planted_values()), ids=str)
def test_every_secret_beside_its_name_is_masked(value: Any, secrets: list[str]):
    for shown in (
        redact(value, ArgumentPolicy.REDACTED),
        redact_details({"before": value}),
        mask_options({"args": value, "headers": value}),
    ):
        found = [piece for secret in secrets if (piece := left_over(secret, json.dumps(shown)))]
        assert not found, f"{shown} still has {found}"


@pytest.mark.parametrize("text", HARMLESS)
def test_every_harmless_text_stays(text: str):
    assert mask_text(text) == text
    assert redact({"a": [text]}, ArgumentPolicy.REDACTED) == {"a": [text]}
    assert redact({"a": [text]}, ArgumentPolicy.FULL) == {"a": [text]}


@pytest.mark.parametrize("value", HARMLESS_VALUES, ids=str)
def test_every_harmless_value_stays(value: Any):
    assert redact(value, ArgumentPolicy.REDACTED) == value


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_row_of_the_table_has_a_planted_secret(shape: Any):
    if "this product" in shape.name:
        pytest.skip("tests/properties/test_own_tokens.py plants those")
    assert any(shape in possible_shapes((text,)) for _, text, _ in PLANTED)


@given(st.one_of(st.text(), st.text(st.characters(max_codepoint=127))))
def test_characters_that_shapes_need_are_found_in_any_text(text: str) -> None:
    needed = {each for shape in SHAPES for each in shape.needs}
    assert needed_in(text.lower()) == needed & set(text.lower())
