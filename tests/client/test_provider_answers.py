"""Answers of providers that are any JSON object, or any parameters: read, or refused in words that can be shown."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from ambassador_client.account.loopback_listener import _parameters
from ambassador_client.account.provider_answers import (
    endpoint,
    next_interval,
    read_code,
    read_device_code,
    read_id_token,
)
from ambassador_client.errors import ClientError
from ambassador_protocol.json_text import parse_object
from ambassador_protocol.sign_in import LoginIssuer

ISSUER = LoginIssuer(
    name="org",
    url="https://sso.example.com",
    client_id="commands",
    scopes=["openid"],
    authorization_endpoint=None,
    token_endpoint=None,
    device_endpoint=None,
    names_itself=True,
)
TEXTS = st.text() | st.sampled_from(
    ["access_denied", "authorization_pending", "slow_down", "expired_token", "a.b.c", ISSUER.url]
)
URLS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "HTTPS://", "https:", "javascript:", "-", ""]),
    st.sampled_from(["sso.example.com", "127.0.0.1", "localhost", "[::1]", "[", "a@b", ""]),
    st.sampled_from(["", ":1", ":x", ":70000"]),
    st.text(max_size=10) | st.sampled_from(["/enter", "/x?y=1", "/x#y", "/\x1b[2J", "/ x"]),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | URLS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = [
    "error",
    "error_description",
    "id_token",
    "device_code",
    "user_code",
    "verification_uri",
    "verification_uri_complete",
    "interval",
    "expires_in",
]
GOOD = {
    "id_token": "a.b.c",
    "device_code": "secret",
    "user_code": "ABCD",
    "verification_uri": f"{ISSUER.url}/enter",
    "interval": 5,
}
CHANGES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
ANSWERS = st.builds(
    lambda base, changes: parse_object(json.dumps({**base, **changes})), st.sampled_from([GOOD, {}]), CHANGES
)
STATUSES = st.sampled_from([200, 200, 302, 400, 500])
T = TypeVar("T")


def outcome(read: Callable[..., T], *given: Any) -> T | ClientError:
    """Return what was read, or the error, which is one that can be shown."""
    try:
        return read(*given)
    except ClientError as error:
        shown = error
    assert str(shown).isprintable()
    assert len(str(shown)) < 1100
    return shown


@given(st.dictionaries(st.sampled_from(["iss", "error", "error_description", "code"]), TEXTS))
def test_a_code_is_only_of_the_issuer_and_of_no_error(parameters: dict[str, str]) -> None:
    code = outcome(read_code, parameters, ISSUER)
    if not isinstance(code, ClientError):
        assert code == parameters["code"] != ""
        assert parameters["iss"] == ISSUER.url
        assert "error" not in parameters


@given(STATUSES, ANSWERS)
def test_an_id_token_has_three_parts_and_no_error_beside_it(status: int, answer: dict[str, Any]) -> None:
    token = outcome(read_id_token, status, answer)
    if not isinstance(token, ClientError):
        assert token.isascii()
        assert token.count(".") == 2
        assert status == 200
        assert answer.get("error") is None


@given(STATUSES, ANSWERS)
def test_codes_for_devices_can_be_shown_and_waits_are_bounded(status: int, answer: dict[str, Any]) -> None:
    code = outcome(read_device_code, status, answer, ISSUER)
    if not isinstance(code, ClientError):
        assert f"{code.user_code}{code.address}{code.complete_address}".isprintable()
        assert code.address.lower().startswith(
            ("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")
        )
        assert 1 <= code.interval <= 86_400
        assert 0 < code.seconds <= 1800
        assert code.secret not in repr(code) or code.secret in code.user_code


@given(st.floats(1, 90_000), STATUSES, ANSWERS)
def test_questions_about_a_device_are_never_asked_more_often(
    interval: float, status: int, answer: dict[str, Any]
) -> None:
    after = outcome(next_interval, interval, status, answer)
    if not isinstance(after, ClientError):
        assert after is None or after >= interval
        assert (after is None) == (answer.get("error") is None)


@given(
    st.text(max_size=30)
    | st.builds(
        "{}?{}".format, st.sampled_from(["/callback", "//callback", "//[", "/x"]), st.text(max_size=40)
    ),
)
def test_requests_of_any_kind_have_parameters_only_at_the_path_and_each_once(target: str) -> None:
    found = _parameters(target, "/callback")
    assert found == {} or target.startswith("/callback")
    assert _parameters(f"{target}&{target}&state=a&state=b", "/callback") == {}


@given(URLS)
def test_addresses_have_tls_or_are_of_this_machine(url: str) -> None:
    found = outcome(endpoint, url, ISSUER)
    if not isinstance(found, ClientError):
        assert found.isprintable()
        assert " " not in found
        assert "#" not in found
        assert found.lower().startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]"))
