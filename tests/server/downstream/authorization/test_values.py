"""The values of the OAuth client never show their secrets, and survive storage as JSON."""

from datetime import UTC, datetime

import msgspec
import pytest

from ambassador_server.ports.authorization import (
    AuthorizationRequest,
    DeviceCode,
    IdentityToken,
    Registration,
    RegistrationKind,
    Tokens,
)

SECRET = "s3cr3t-value"
LATER = datetime(2030, 1, 1, tzinfo=UTC)
VALUES = [
    Registration(
        kind=RegistrationKind.DYNAMIC, issuer="https://as", client_id="c", client_secret=SECRET, scopes=("a",)
    ),
    AuthorizationRequest(
        url=f"https://as/?state={SECRET}",
        state=SECRET,
        verifier=SECRET,
        issuer="https://as",
        client_id="c",
        redirect_uri="https://us/cb",
    ),
    Tokens(access_token=SECRET, refresh_token=SECRET, expires_at=LATER, scopes=("a", "b")),
    DeviceCode(
        device_code=SECRET,
        user_code="ABCD",
        verification_uri="https://as/device",
        expires_at=LATER,
        interval=5,
    ),
    IdentityToken(token=SECRET, subject="subject-1"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_no_value_shows_its_secrets(value: object):
    assert SECRET not in repr(value)
    assert SECRET not in f"{value}"


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_value_is_the_same_after_storage_as_json(value: object):
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value
