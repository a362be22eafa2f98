"""A known token costs a request a look-up, whatever it is verified with: no signature, no question, few calls."""

import sys
from types import FrameType
from typing import Any

from tests.fakes.issuer import claims_of
from tests.server.services.sign_in.test_introspected_tokens import FIELDS, TOKEN
from tests.server.services.sign_in.test_token_proof import Tokens, tokens

__all__ = ["tokens"]
MOST_CALLS = 25
"""Functions of Python that a known token may enter; verifying a signature enters hundreds."""


async def _calls(tokens: Tokens, token: str) -> int:
    """Return how many functions the look-up of a known token enters."""
    await tokens.use(token)
    entered = 0

    def count(_: FrameType, event: str, __: Any) -> None:
        nonlocal entered
        entered += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        await tokens.use(token)
    finally:
        sys.setprofile(before)
    return entered


async def test_a_known_token_enters_few_functions(tokens: Tokens) -> None:
    assert await _calls(tokens, tokens.token()) <= MOST_CALLS
    assert tokens.verifier.verified == 1


async def test_a_known_opaque_token_enters_few_functions(tokens: Tokens, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "a secret")
    await tokens.put_issuer(**FIELDS)
    claims = claims_of(tokens.server.url, tokens.world.clock.now())
    tokens.server.answers[TOKEN] = {"active": True, **claims}
    assert await _calls(tokens, TOKEN) <= MOST_CALLS
    assert len(tokens.server.questions) == 1
