"""What a person can do about an error: every advice has a text, and its parameters stand in it."""

import pytest

from ambassador_server.errors import (
    Advice,
    AmbassadorError,
    ConflictError,
    OperationFailedError,
    RateLimitedError,
)
from ambassador_server.wording.advice import hint_text


@pytest.mark.parametrize("advice", Advice)
def test_every_advice_has_a_text_without_gaps(advice: Advice):
    text = hint_text(
        AmbassadorError(
            "It failed.",
            advice=advice,
            user="alice",
            seconds=7,
            roles="admin",
            mcp="wiki",
            limit="calm",
            grant="1",
        )
    )
    assert text
    assert "{" not in text


def test_the_parameters_of_an_error_stand_in_the_text():
    error = ConflictError("No role.", advice=Advice.GIVE_ROLE, user="{user}")
    assert hint_text(error) == "ambassador-admin user update {user} --role ROLE"
    assert hint_text(RateLimitedError("Too many.", retry_after=7)) == "Try again in 7 s."


def test_the_failure_of_a_batch_gives_the_advice_about_its_cause():
    cause = ConflictError("No role.", advice=Advice.GIVE_ROLE, user="alice")
    assert hint_text(OperationFailedError(3, cause)) == hint_text(cause)
    assert (
        hint_text(OperationFailedError(3, ConflictError("No.", hint="Run: chmod 600 key")))
        == "Run: chmod 600 key"
    )


def test_an_error_without_advice_has_its_own_hint_or_none():
    assert hint_text(ConflictError("No.", hint="Run: chmod 600 key")) == "Run: chmod 600 key"
    assert hint_text(ConflictError("No.")) is None
