"""A session token with a valid signature has claims; everything else has none."""

import base64
import hmac
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_server.crypto.key_ring import KeyRing
from ambassador_server.crypto.session_tokens import HmacSessionTokens
from ambassador_server.ports.session_tokens import SessionClaims, SessionTokens

EXPIRY = datetime(2026, 5, 6, 7, 8, 9, 123_000, tzinfo=UTC)
OLD, NEW, FOREIGN = b"o" * 32, b"n" * 32, b"f" * 32
TOKENS: SessionTokens = HmacSessionTokens(KeyRing(b"p" * 32, {1: OLD, 2: NEW}, {}))
SESSION, CLIENT_KEY = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "0e984725-c51c-4bf4-9960-e1c80e27aba0"
TOKEN = TOKENS.mint(SESSION, CLIENT_KEY, EXPIRY)
URL_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def tokens_with(session_keys: dict[int, bytes]) -> HmacSessionTokens:
    return HmacSessionTokens(KeyRing(b"p" * 32, session_keys, {}))


@given(
    session=st.uuids(),
    key=st.uuids(),
    expiry=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1)),  # noqa: DTZ001 - zone is added
)
@example(uuid.UUID(SESSION), uuid.UUID(CLIENT_KEY), datetime(4148, 1, 1, microsecond=1000))  # noqa: DTZ001
def test_claims_are_the_ones_that_were_signed(session: uuid.UUID, key: uuid.UUID, expiry: datetime):
    aware = expiry.replace(tzinfo=UTC)
    claims = TOKENS.verify(TOKENS.mint(str(session), str(key), aware))
    assert claims is not None
    assert (claims.session_id, claims.key_id) == (str(session), str(key))
    assert timedelta(0) <= aware - claims.expires_at < timedelta(milliseconds=1)


def test_token_has_the_documented_form():
    assert TOKEN.startswith("amb_st_")
    raw = base64.urlsafe_b64decode(TOKEN.removeprefix("amb_st_"))
    assert raw[:3] == bytes([1, 0, 2])
    assert raw[3:35] == uuid.UUID(SESSION).bytes + uuid.UUID(CLIENT_KEY).bytes
    assert int.from_bytes(raw[35:43], "big") == int(EXPIRY.timestamp() * 1000)
    assert len(raw) == 75


def test_newest_key_signs_and_older_ones_verify():
    claims = SessionClaims(SESSION, CLIENT_KEY, EXPIRY)
    by_old = tokens_with({1: OLD}).mint(SESSION, CLIENT_KEY, EXPIRY)
    assert TOKENS.verify(by_old) == claims
    assert tokens_with({2: NEW}).verify(TOKEN) == claims
    assert tokens_with({1: OLD}).verify(TOKEN) is None
    assert tokens_with({2: FOREIGN}).verify(TOKEN) is None
    assert tokens_with({1: NEW}).verify(TOKEN) is None


def test_expired_token_still_has_claims():
    past = datetime(1999, 1, 1, tzinfo=UTC)
    claims = TOKENS.verify(TOKENS.mint(SESSION, CLIENT_KEY, past))
    assert claims is not None
    assert claims.expires_at == past


def test_token_with_any_character_changed_has_no_claims():
    for position, character in enumerate(TOKEN):
        for other in {*URL_ALPHABET, "+", "/", "=", "\n", " ", "é"} - {character}:
            assert TOKENS.verify(TOKEN[:position] + other + TOKEN[position + 1 :]) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token[:-4] + "====",
        lambda token: token.removeprefix("amb_st_"),
        lambda token: token.replace("amb_st_", "amb_pk_"),
        lambda token: token.swapcase(),
        lambda token: "",
        lambda token: "amb_st_",
        lambda token: "amb_st_" + "A" * 100,
        lambda token: "amb_st_" + "\ud800" * 100,
        lambda token: "amb_st_" + "é" * 100,
    ],
)
def test_token_in_another_spelling_has_no_claims(change):
    assert TOKENS.verify(change(TOKEN)) is None


@given(
    st.text(max_size=200)
    | st.text(URL_ALPHABET + "+/=", min_size=95, max_size=105).map("amb_st_".__add__)
    | st.binary(min_size=75, max_size=75).map(lambda raw: "amb_st_" + base64.urlsafe_b64encode(raw).decode())
)
def test_hostile_text_has_no_claims_and_raises_nothing(text: str):
    assert TOKENS.verify(text) is None


def test_token_of_another_version_has_no_claims():
    """A later format may give the same bytes another meaning."""
    raw = base64.urlsafe_b64decode(TOKEN.removeprefix("amb_st_"))
    claims = b"\x02" + raw[1:43]
    forged = base64.urlsafe_b64encode(claims + hmac.digest(NEW, claims, "sha256")).decode()
    assert TOKENS.verify("amb_st_" + forged) is None


@pytest.mark.parametrize(
    "identity", ["", "not-a-uuid", SESSION.upper(), SESSION.replace("-", ""), SESSION + "00"]
)
def test_only_canonical_ids_are_accepted(identity: str):
    with pytest.raises(ValueError, match=r"UUID|hexadecimal"):
        TOKENS.mint(identity, CLIENT_KEY, EXPIRY)
