"""No text and no value makes redaction raise; what cannot be searched is withheld, and the log says so without it."""

import json
import logging
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.secrets.marks import WITHHELD
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.domain.secrets.redaction import redact, redact_details
from ambassador_server.domain.secrets.rules import Shape, rule
from ambassador_server.domain.secrets.shapes import mask_shapes, mask_text
from tests.effort import examples

KEYWORDS = (
    *("amb_pk_", "amb_st_", "ghp_", "xoxb-", "glpat-", "ya29.", "SG.", "ATATT3", "sk-", "AKIA", "AIza"),
    *("eyJ", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "bearer ", "basic ", "token "),
    *("://", "@", "password=", "secret:", "cookie: ", "authorization: ", "--api-key ", "signature%3D"),
    *("-u a:", "--user ", "4111 1111 1111 1111", "\\u0061", "%61", "&#97;", "616d625f", "YW1iX3BrX"),
)
FOLDING = {
    "s": "\u017f\uff53",
    "k": "\u212a\uff4b",
    "i": "\u0130\u0131",
    "a": "\u00e5\u212b\uff41",
    "_": "\uff3f",
}
"""Letters that equal an ASCII letter when case or width is ignored."""

AROUND = st.text(max_size=12) | st.text(
    "".join(FOLDING.values()) + "\u200b\u00ad\ufeff\ud800\udfff+/=.:-_\"'\\% \n09azAZ", max_size=40
)


@st.composite
def near_a_shape(draw: st.DrawFn) -> str:
    """A text with keywords of the shapes in it, in any case, some letters replaced by others that fold to them."""
    parts = [draw(AROUND)]
    for _ in range(draw(st.integers(1, 4))):
        keyword = draw(st.sampled_from([str, str.upper, str.title]))(draw(st.sampled_from(KEYWORDS)))
        folded = draw(st.sets(st.sampled_from(sorted(FOLDING))))
        letters = [
            draw(st.sampled_from(FOLDING[each.lower()])) if each.lower() in folded else each
            for each in keyword
        ]
        parts += ["".join(letters), draw(AROUND)]
    return "".join(parts)


def recorded_forms(text: str) -> list[Any]:
    """Return every form in which the text can reach a record."""
    value = {"text": text, text: 1, "list": [text, "--password", text]}
    return [
        mask_text(text),
        *(redact(value, policy) for policy in ArgumentPolicy),
        redact_details(value),
        mask_options({"env": value, "url": text, "headers": {text: text}}),
    ]


@given(near_a_shape())
@example("ba\u017fic abc\u017f\u212aabcd")
@example("BA\u017fIC \u212a\u212a\u212a\u212a")
@examples(300)
def test_no_text_near_a_secret_makes_redaction_raise(text: str):
    for form in recorded_forms(text):
        assert WITHHELD not in json.dumps(form)


@given(st.text())
def test_no_text_makes_redaction_raise(text: str):
    for form in recorded_forms(text):
        assert WITHHELD not in json.dumps(form)


def test_a_letter_that_folds_to_ascii_hides_no_secret_and_is_no_part_of_base64():
    assert mask_text("ba\u017fic dXNlcjpwYXNz") == "ba\u017fic dXNlcjpwYXNz"
    assert mask_text("BASIC dXNlcjpwYXNz\u017f") == "BASIC [redacted]\u017f"
    assert mask_text("api\u212aey=abcdefgh") == "api\u212aey=[redacted]"


def _raise(match: re.Match[str]) -> str:
    raise ValueError(f"cannot mask {match[0]}")


BROKEN = Shape("broken", frozenset("h"), bool, (rule("hunter2", _raise),))


def test_a_text_whose_mask_raises_is_withheld_and_the_log_does_not_hold_it(caplog: pytest.LogCaptureFixture):
    assert mask_shapes("my hunter2", [BROKEN]) == WITHHELD
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert "ValueError at _raise" in line.getMessage()
    assert "hunter2" not in caplog.text


class Unreadable(dict[str, Any]):
    """An object that cannot be listed."""

    def items(self) -> Any:
        raise KeyError("hunter2")


@pytest.mark.parametrize("policy", [policy for policy in ArgumentPolicy if policy is not ArgumentPolicy.NONE])
def test_a_value_that_cannot_be_read_is_withheld(policy: ArgumentPolicy, caplog: pytest.LogCaptureFixture):
    assert redact({"a": Unreadable(b=1)}, policy) == WITHHELD
    assert redact_details({"before": Unreadable(b=1), "n": 1}) == {"before": WITHHELD, "n": WITHHELD}
    assert mask_options({"env": Unreadable(b=1)}) == {"env": WITHHELD}
    assert "hunter2" not in caplog.text
