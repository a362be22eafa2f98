"""Signing in with an account of the organisation: a provider that is hostile, strangers at the listener, and waits."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from ambassador_client.account import device_sign_in, loopback_listener, provider_requests
from ambassador_client.account.device_sign_in import Waiting, token_of_device
from ambassador_client.account.sign_in import IdToken, choose_issuer, sign_in_with_browser
from ambassador_client.errors import BadAnswerError, ClientError, SignInError, TooLargeError, UnreachableError
from ambassador_protocol.sign_in import LoginIssuer
from tests.fakes import hostile_provider as hostile
from tests.fakes.hostile_provider import CLIENT, ESCAPES, HostileProvider
from tests.patience import PATIENCE

Change = dict[str, Any]


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    with hostile.hostile_provider() as running:
        yield running


@pytest.fixture(autouse=True)
def _browser(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_page(url: str) -> Callable[[], bool]:
        threading.Thread(target=_get, args=(url,), daemon=True).start()
        return lambda: False

    monkeypatch.setattr(loopback_listener, "open_browser", open_page)


def _get(url: str) -> None:
    with (
        httpx.Client(trust_env=False, follow_redirects=True, timeout=PATIENCE) as browser,
        suppress(httpx.TransportError),  # the command has ended already
    ):
        browser.get(url)


def issuer_of(provider: HostileProvider, **changes: Any) -> LoginIssuer:
    members = {
        "name": "org",
        "url": provider.url,
        "client_id": CLIENT,
        "scopes": ["openid"],
        "authorization_endpoint": f"{provider.url}/authorize",
        "token_endpoint": f"{provider.url}/token",
        "device_endpoint": f"{provider.url}/device",
        "names_itself": True,
    }
    return LoginIssuer(**{**members, **changes})


def in_browser(provider: HostileProvider, seconds: float = PATIENCE, **changes: Any) -> IdToken:
    return sign_in_with_browser(issuer_of(provider, **changes), lambda _: None, seconds)


def refused(provider: HostileProvider, kind: type[ClientError] = SignInError, **changes: Any) -> str:
    with pytest.raises(kind) as raised:
        in_browser(provider, **changes)
    return str(raised.value)


class Clock:
    """A clock that only sleepers advance."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def waiting(self) -> Waiting:
        return Waiting(self.sleep, lambda: self.now)


def with_device(provider: HostileProvider, clock: Clock, said: list[str] | None = None) -> str:
    say = (said if said is not None else []).append
    return token_of_device(issuer_of(provider), "nonce", say, clock.waiting)


def test_a_provider_that_keeps_the_standards_signs_the_user_in(provider: HostileProvider) -> None:
    assert in_browser(provider).token.count(".") == 2
    assert with_device(provider, Clock()).count(".") == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"iss": None}, "does not name the issuer"),
        ({"iss": "https://other.example.com"}, "comes from another issuer, https://other.example.com"),
        ({"iss": ESCAPES}, "comes from another issuer, no"),
        ({"code": None}, "without a code"),
        ({"code": ""}, "without a code"),
        ({"code": "forged"}, "refused the sign-in (invalid_grant)"),
        ({"error": "access_denied", "error_description": "ask Bob"}, 'denied it; it says "ask Bob"'),
        ({"error": "access_denied", "error_description": ESCAPES}, "Run the command again."),
        ({"error": ESCAPES}, "Ask your administrator"),
        ({"error": "x" * 12_000}, "Ask your administrator"),
        ({"error": "server_error", "error_description": "x" * 9_000}, "(server_error)"),
    ],
)
def test_answers_in_the_browser_that_are_no_sign_in(
    provider: HostileProvider, change: Change, told: str
) -> None:
    provider.callback = change
    error = refused(provider)
    assert told in error
    assert error.isprintable()
    assert len(error) < 600


@pytest.mark.parametrize("state", ["forged", None, "é" * 64])
def test_an_answer_with_another_state_is_none(provider: HostileProvider, state: str | None) -> None:
    provider.callback = {"state": state}
    assert "1 answer(s) of other sign-ins (wrong state) were ignored" in refused(provider, seconds=1.0)
    assert provider.forms == []


def test_an_issuer_that_never_names_itself_need_not(provider: HostileProvider) -> None:
    provider.callback = {"iss": None}
    assert in_browser(provider, names_itself=False).token
    provider.callback = {"iss": "https://other.example.com"}
    assert "another issuer" in refused(provider, names_itself=False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id_token": None}, "sent no ID token"),
        ({"id_token": 7}, "sent no ID token"),
        ({"id_token": "\ud800.\ud800.\ud800"}, "none at all"),
        ({"id_token": "a.b.c.d.e"}, "encrypted"),
        ({"id_token": "a.b." + "c" * 20_000}, "too long"),
        ({"error": "invalid_client", "error_description": ESCAPES}, "(invalid_client)"),
        ({"error": {"a": 1}}, "(HTTP 200)"),
    ],
)
def test_answers_for_a_code_that_hold_no_token(provider: HostileProvider, change: Change, told: str) -> None:
    provider.tokens = change
    error = refused(provider)
    assert told in error
    assert error.isprintable()


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (hostile.slow, UnreachableError, "did not answer in time"),
        (hostile.large, TooLargeError, "too large"),
        (hostile.html, BadAnswerError, "answered HTTP 200 without a JSON object"),
        (hostile.elsewhere, BadAnswerError, "answered HTTP 307"),
        (hostile.gone, UnreachableError, "answered HTTP 502"),
        (hostile.breaks_off, UnreachableError, "cannot reach the provider at 127.0.0.1: "),
    ],
)
def test_token_endpoints_that_do_not_answer_as_they_should(
    provider: HostileProvider,
    monkeypatch: pytest.MonkeyPatch,
    answer: hostile.Answer,
    kind: type[ClientError],
    told: str,
) -> None:
    if answer is hostile.slow:
        monkeypatch.setattr(provider_requests, "_SECONDS", 0.5)
    stolen: list[Any] = []

    async def steal(request: Any) -> Any:
        stolen.append(request)

    provider.answers = {"/token": answer, "/stolen": steal}
    assert told in refused(provider, kind)
    assert stolen == []


def test_a_network_without_the_provider(provider: HostileProvider) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/token"
    assert "cannot reach the provider at 127.0.0.1: connection refused" in refused(
        provider, UnreachableError, token_endpoint=url
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://sso.example.com/x",
        "file:///etc/passwd",
        "https://[",
        "https:///x",
        "https://sso.example.com:99999/x",
        "https://sso.example.com@evil.example.com/x",
        "https://sso.example.com/x#fragment",
        f"https://sso.example.com/{ESCAPES}",
        "-version",
    ],
)
@pytest.mark.parametrize("which", ["authorization_endpoint", "token_endpoint"])
def test_no_user_and_no_code_is_sent_to_what_is_no_address_with_tls(
    provider: HostileProvider, url: str, which: str
) -> None:
    error = refused(provider, BadAnswerError, **{which: url})
    assert "none with TLS" in error
    assert error.isprintable()


def test_an_unread_document_ends_the_command_before_the_browser_opens(provider: HostileProvider) -> None:
    error = refused(provider, authorization_endpoint=None, token_endpoint=None)
    assert "cannot read the document of issuer org" in error


def test_a_stranger_who_comes_first_is_told_nothing_and_changes_nothing(provider: HostileProvider) -> None:
    answers: list[int] = []

    def visit(redirect: str, state: str) -> None:
        port = urlsplit(redirect).port or 0
        twice = f"{urlencode({'code': 'forged', 'state': state})}&{urlencode({'state': state})}"
        for target, host in (
            ("/callback?code=forged", None),
            ("/callback?code=forged&state=guess", None),
            (f"/other?code=forged&state={state}", None),
            (f"/callback?{twice}", None),
            (f"/callback?code=forged&state={state}", "rebound.example.com"),
            (f"/callback?state={state}&code={'x' * 17_000}", None),
            ("//[", None),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            connection.putrequest("GET", target, skip_host=True)
            connection.putheader("Host", host or f"127.0.0.1:{port}")
            connection.endheaders()
            answers.append(connection.getresponse().status)
            connection.close()

    provider.before_redirect = visit
    assert in_browser(provider).token
    assert answers == [404] * 7


def test_requests_that_are_none_leave_no_trace_on_the_terminal(
    provider: HostileProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    def visit(redirect: str, _: str) -> None:
        port = urlsplit(redirect).port or 0
        for sent in (
            b"\x16\x03\x01\x02",
            b"GET \xff\xff\r\n\r\n",
            b"GET //[ HTTP/1.1\r\n\r\n",
            b"x" * 70_000,
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as stranger:
                stranger.sendall(sent)
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    provider.before_redirect = visit
    assert in_browser(provider).token
    assert capfd.readouterr() == ("", "")


def test_only_the_first_answer_counts(provider: HostileProvider) -> None:
    def answer_first(redirect: str, state: str) -> None:
        _get(f"{redirect}?{urlencode({'code': 'forged', 'state': state, 'iss': provider.url})}")

    # Who knows the state, because it saw the address of the browser, ends the sign-in: by PKCE its code is invalid.
    provider.before_redirect = answer_first
    assert "invalid_grant" in refused(provider)
    assert [form["code"] for form in provider.forms] == ["forged"]


def test_a_browser_that_cannot_be_started_is_said_once(
    provider: HostileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback_listener, "open_browser", lambda _: lambda: True)
    said: list[str] = []
    with pytest.raises(SignInError, match="nobody has signed in in time"):
        sign_in_with_browser(issuer_of(provider), said.append, 1.2)
    assert [line.partition(";")[0] for line in said[1:]] == ["No browser could be started"]


def test_a_device_asks_as_often_as_it_may(provider: HostileProvider) -> None:
    provider.polls = ["authorization_pending", "slow_down", "authorization_pending", "slow_down"]
    clock = Clock()
    assert with_device(provider, clock)
    assert clock.slept == [1.0, 1.0, 6.0, 6.0, 11.0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"interval": None}, [5.0]),
        ({"interval": 90}, [90.0]),
        ({"interval": -3}, [5.0]),
        ({"interval": 0.001}, [1.0]),
        ({"interval": True}, [5.0]),
        ({"interval": "1"}, [5.0]),
        ({"interval": 10**400}, []),
    ],
)
def test_intervals_of_any_kind(provider: HostileProvider, changes: Change, expected: list[float]) -> None:
    provider.device = changes
    clock = Clock()
    if expected:
        assert with_device(provider, clock)
    else:
        with pytest.raises(SignInError, match="has expired"):
            with_device(provider, clock)
    assert clock.slept == expected


@pytest.mark.parametrize("seconds", [None, 600, 10**400, "x"], ids=["none", "fine", "huge", "text"])
def test_a_code_that_nobody_enters_expires(provider: HostileProvider, seconds: Any) -> None:
    provider.device = {"expires_in": seconds, "interval": 60}
    provider.polls = ["authorization_pending"] * 100
    clock = Clock()
    with pytest.raises(SignInError, match="has expired before it was entered"):
        with_device(provider, clock)
    assert clock.now <= 1800


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("expired_token", "has expired"),
        ("access_denied", "cancelled, or the provider denied it"),
        ("invalid_grant", "(invalid_grant)"),
        (ESCAPES, "the provider refused"),
    ],
)
def test_errors_end_the_questions_of_a_device(provider: HostileProvider, error: str, told: str) -> None:
    provider.polls = ["authorization_pending", error]
    with pytest.raises(SignInError) as raised:
        with_device(provider, Clock())
    assert told in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "change",
    [
        {"verification_uri": "http://sso.example.com/enter"},
        {"verification_uri": f"https://sso.example.com/{ESCAPES}"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": None},
        {"verification_uri_complete": "http://sso.example.com/enter?code=x"},
        {"user_code": None},
        {"user_code": ESCAPES},
        {"user_code": "x" * 201},
        {"device_code": None},
        {"device_code": "\ud800"},
    ],
)
def test_codes_and_addresses_that_cannot_be_shown_are_not(provider: HostileProvider, change: Change) -> None:
    provider.device = change
    said: list[str] = []
    with pytest.raises(BadAnswerError):
        with_device(provider, Clock(), said)
    assert said == []


def test_a_device_outlasts_a_network_that_is_gone_for_a_while(
    provider: HostileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [UnreachableError("cannot reach it"), UnreachableError("cannot reach it")]
    real = device_sign_in.post_form

    def post(url: str, fields: Any) -> Any:
        if failures and url.endswith("/token"):
            raise failures.pop()
        return real(url, fields)

    monkeypatch.setattr(device_sign_in, "post_form", post)
    clock = Clock()
    assert with_device(provider, clock)
    assert clock.slept == [1.0, 2.0, 4.0]
    provider.answers = {"/token": hostile.gone}
    with pytest.raises(UnreachableError, match="HTTP 502"):
        with_device(provider, clock)


@pytest.mark.parametrize("issuers", [None, {}, [7], [{"name": "org"}], [{}]])
def test_lists_of_issuers_that_cannot_be_read(issuers: Any) -> None:
    with pytest.raises(BadAnswerError):
        choose_issuer({"issuers": issuers}, None, "https://mcp.example.com")


def test_lists_of_issuers_with_other_types(provider: HostileProvider) -> None:
    good = {name: getattr(issuer_of(provider), name) for name in LoginIssuer.__slots__}
    assert choose_issuer({"issuers": [good]}, "org", "here").client_id == CLIENT
    for name, value in (("name", 7), ("scopes", "openid"), ("scopes", [1]), ("token_endpoint", [])):
        with pytest.raises(BadAnswerError):
            choose_issuer({"issuers": [{**good, name: value}]}, None, "here")
