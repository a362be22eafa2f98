"""Attacks on logins of hosts: nothing is sent anywhere that a person has not agreed to, and nothing is good twice."""

from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest

from ambassador_protocol.paths import HOST_LOGIN
from ambassador_server.domain.people.host_requests import HostLoginFault, challenge_of
from ambassador_server.web.client.routes import gateway_routes
from tests.end_to_end import host_logins
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import give_public_url
from tests.end_to_end.host_logins import (
    CLIENT,
    REDIRECT,
    VERIFIER,
    Browser,
    authorize_url,
    exchange,
    form_of,
    onward,
    query_of,
    server_of,
    trust_hosts,
)
from tests.end_to_end.world import World, assert_nothing_internal, running
from tests.rig import Rig
from tests.server.downstream.authorization.oidc_provider import oidc_provider

LISTED = "https://vscode.dev/redirect"
FOREIGN = (
    "https://evil.example.com/",
    "https://vscode.dev/redirect/",
    "https://vscode.dev/redirect?x=1",
    "https://vscode.dev/redirect/../other",
    "https://vscode.dev/redirect%2f..%2fother",
    "https://vscode.dev.evil.example.com/redirect",
    "https://vscode.dev@evil.example.com/redirect",
    "https://evil.example.com#https://vscode.dev/redirect",
    "HTTPS://vscode.dev/redirect",
    "http://vscode.dev/redirect",
    "http://127.0.0.1:3999@evil.example.com/",
    "http://user@127.0.0.1:3999/",
    "http://127.0.0.1.evil.example.com/",
    "http://127.0.0.1:3999/#fragment",
    "http://127.0.0.1:3999\\@evil.example.com/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:0/",
    "http://127.0.0.2/",
    "http://127.1/",
    "http://2130706433/",
    "http://0.0.0.0/",
    "http://[::ffff:127.0.0.1]/",
    "http://localhost.evil.example.com/",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://l\u043ecalhost/",
    "http://127.0.0.1/\r\nSet-Cookie: x=1",
    "https://127.0.0.1/",
    "javascript:alert(1)",
    "data:text/html,x",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "//evil.example.com/",
    "/mcp",
    "",
    f"http://127.0.0.1/{'x' * 600}",
    '"><script>alert(1)</script>',
)


@pytest.fixture(scope="module")
def world(directory: Any, prepared: Rig) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        give_public_url(started, started.rig.client_url)
        yield started


@pytest.fixture(scope="module")
def provider(world: World) -> Iterator[str]:
    with oidc_provider(resource=f"{world.rig.client_url}/mcp") as url:
        yield url


@pytest.fixture(scope="module", autouse=True)
def trusted(world: World, provider: str) -> dict[str, Any]:
    return trust_hosts(world, provider, host_redirects=[LISTED])


def reasons(world: World) -> set[str]:
    return {event["reason"] for event in world.events(action="session:host-login:refuse")}


def at_provider(world: World, browser: Browser, **changes: str | None) -> dict[str, str]:
    """Consent, and return the parameters with which the browser is sent to the provider."""
    return query_of(browser.decide(authorize_url(world, **changes)))


def come_back(world: World, browser: Browser, **parameters: str) -> httpx.Response:
    return browser.send("GET", f"{server_of(world)}/callback?{urlencode(parameters)}")


def test_nobody_is_sent_to_a_foreign_address(world: World) -> None:
    for uri in FOREIGN:
        answer = world.http.get(authorize_url(world, redirect_uri=uri))
        assert answer.status_code == 400, uri
        assert "Location" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert "<script" not in answer.text
        assert "evil" not in answer.text
        told = world.http.post("/oauth/hosts/login/register", json={"redirect_uris": [REDIRECT, uri]})
        assert (told.status_code, told.json()["error"]) == (400, "invalid_redirect_uri"), uri
    missing = world.http.get(authorize_url(world, redirect_uri=None))
    assert (missing.status_code, "Location" in missing.headers) == (400, False)
    assert HostLoginFault.FOREIGN_REDIRECT in reasons(world)
    found = world.events(action="session:host-login:refuse")
    recorded = {event["details"].get("redirect", "") for event in found}
    assert "https://vscode.dev.evil.example.com/redirect" in recorded
    assert max(map(len, recorded)) == 200


def test_registrations_are_bounded_and_read_strictly(world: World) -> None:
    path = "/oauth/hosts/login/register"
    for body, status in (
        (b"{}", 400),
        (b"[]", 400),
        (b"x", 400),
        (b'{"redirect_uris":"http://127.0.0.1/"}', 400),
        (b'{"redirect_uris":[1]}', 400),
        (b'{"redirect_uris":[]}', 400),
        (b'{"redirect_uris":[' + b",".join([b'"http://127.0.0.1/"'] * 21) + b"]}", 400),
        (b'{"redirect_uris":["http://127.0.0.1/"],"x":"' + b"x" * 20_000 + b'"}', 413),
    ):
        answer = world.http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, body[:60]
        assert_nothing_internal(answer.text)
    assert world.http.post(path, content=b"{}").status_code == 415
    assert world.http.post("/oauth/hosts/other/register", json={}).status_code == 404


def test_errors_are_told_to_the_redirect_alone(world: World) -> None:
    for changes, error in (
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain", "code_challenge": VERIFIER}, "invalid_request"),
        ({"resource": "https://evil.example.com/mcp"}, "invalid_target"),
        ({"scope": "read admin"}, "invalid_scope"),
    ):
        answer = world.http.get(authorize_url(world, **changes))
        assert answer.status_code == 302, changes
        told = urlsplit(answer.headers["Location"])
        assert (told.netloc, told.path) == ("127.0.0.1:3999", "/callback")
        found = query_of(answer.headers["Location"])
        assert (found["error"], found["iss"]) == (error, server_of(world))
        assert found["state"] == "state of the host"


def test_what_is_too_long_or_given_twice_is_refused(world: World) -> None:
    for changes in ({"state": "x" * 1_025}, {"state": "x\r\ny"}, {"state": "x\0"}, {"client_id": "other"}):
        answer = world.http.get(authorize_url(world, **changes))
        assert (answer.status_code, "Location" in answer.headers) == (400, False), changes
    for more in ("&state=2", f"&redirect_uri={quote(LISTED)}", "&client_id=mcp-host"):
        assert world.http.get(authorize_url(world) + more).status_code == 400
    assert world.http.get(authorize_url(world) + "&x=" + "x" * 20_000).status_code in (400, 414)
    odd = "'\"><script>&;=ä%0a"
    back = Browser().log_in(world, state=odd)
    assert back["state"] == odd
    assert HostLoginFault.UNKNOWN_CLIENT in reasons(world)


def test_the_page_of_consent_names_the_host_and_cannot_be_framed(world: World) -> None:
    page = world.http.get(authorize_url(world, redirect_uri="http://localhost:1234/x"))
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert "<code>http://localhost:1234</code>" in page.text
    assert "<script" not in page.text
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    listed = world.http.get(authorize_url(world, redirect_uri=LISTED))
    assert "<code>https://vscode.dev</code>" in listed.text
    answer = Browser()
    page = answer.consent_page(authorize_url(world))
    sent = answer.send("POST", f"{server_of(world)}/authorize", data=form_of(page) | {"decision": "allow"})
    assert "Location" not in sent.headers
    assert sent.headers["Set-Cookie"].partition(";")[0] == page.headers["Set-Cookie"].partition(";")[0]
    assert "Max-Age=600" in sent.headers["Set-Cookie"]
    assert "form-action 'none'" in sent.headers["Content-Security-Policy"]
    assert escape(onward(sent)) in sent.text
    assert sent.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_says_where_the_person_comes_from(world: World) -> None:
    """A server that a host trusts could send the browser here, with the redirect URI of that host."""
    for site, warns in (("none", False), ("same-origin", False), ("cross-site", True), ("same-site", True)):
        page = world.http.get(authorize_url(world), headers={"Sec-Fetch-Site": site})
        assert ("Another site has sent you" in page.text) is warns
        assert world.rig.client_url in page.text


def test_a_page_that_is_fetched_twice_can_still_be_answered(world: World) -> None:
    """Extensions and previews fetch a page again, before the browser has the cookie of the first time."""
    browser, first = Browser(), world.http.get(authorize_url(world))
    second = first
    while _cookie_of(second)[0] == _cookie_of(first)[0]:
        second = world.http.get(authorize_url(world))
    for page in (first, second):
        browser.cookies.set(*_cookie_of(page), domain="127.0.0.1")
    for page in (first, second):
        form = form_of(page) | {"decision": "allow"}
        assert browser.send("POST", f"{server_of(world)}/authorize", data=form).status_code == 200


def _cookie_of(page: httpx.Response) -> tuple[str, str]:
    name, _, value = page.headers["Set-Cookie"].partition(";")[0].partition("=")
    return name, value


def test_a_browser_gets_few_cookies(world: World) -> None:
    browser = Browser()
    for _ in range(40):
        browser.consent_page(authorize_url(world))
    kept = [cookie for cookie in browser.cookies.jar if cookie.name.startswith("ambassador-host-login-")]
    assert 1 < len(kept) <= 16


def test_nobody_else_can_consent(world: World) -> None:
    attacker, victim, url = Browser("attacker"), Browser("victim"), f"{server_of(world)}/authorize"
    form = form_of(attacker.consent_page(authorize_url(world))) | {"decision": "allow"}
    victim.consent_page(authorize_url(world))
    state = at_provider(world, attacker)["state"]
    for browser, sent, status in (
        (victim, form, 403),
        (Browser(), form, 403),
        (attacker, {**form, "request": form["request"][:-2] + "AA"}, 403),
        (attacker, {**form, "request": state}, 403),
        (attacker, {"decision": "allow"}, 403),
        (attacker, {"request": form["request"]}, 200),
    ):
        answer = browser.send("POST", url, data=sent)
        assert answer.status_code == status, sent
        assert status == 403 or "error=access_denied" in onward(answer)
    headers = {"Origin": "https://evil.example.com"}
    assert attacker.send("POST", url, data=form, headers=headers).status_code == 403
    assert attacker.send("POST", url, json=form).status_code == 400
    assert reasons(world) >= {HostLoginFault.OTHER_BROWSER, HostLoginFault.STATE_INVALID}


def test_the_provider_sees_nothing_of_the_host(world: World, trusted: dict[str, Any]) -> None:
    sent = at_provider(world, Browser())
    assert sent["client_id"] == trusted["host_client_id"]
    assert sent["redirect_uri"] == f"{server_of(world)}/callback"
    assert sent["code_challenge"] not in ("", challenge_of(VERIFIER))
    assert sent["code_challenge_method"] == "S256"
    assert sent["resource"] == f"{world.rig.client_url}/mcp"
    assert "state of the host" not in sent["state"]


def test_what_entra_refuses_is_left_out(world: World, trusted: dict[str, Any]) -> None:
    scopes = {"host_scopes": ["offline_access", "openid"]}
    for omits in (False, True):
        world.ask("PUT", "issuers/login", {**trusted, **scopes, "host_omits_resource": omits})
        sent = at_provider(world, Browser())
        assert sent["scope"] == "read offline_access openid"
        assert ("resource" in sent, "prompt" in sent) == (not omits, not omits)
        assert sent["nonce"]
    world.ask("PUT", "issuers/login", trusted)


def test_a_callback_is_taken_once_in_its_browser_and_of_its_provider(world: World, provider: str) -> None:
    browser, other = Browser(), Browser()
    other.consent_page(authorize_url(world))
    state = at_provider(world, browser)["state"]
    good = {"state": state, "code": "x", "iss": provider}
    for who, changes in (
        (other, {}),
        (Browser(), {}),
        (browser, {"iss": "https://evil.example.com"}),
        (browser, {"iss": f"{provider}/"}),
        (browser, {"iss": server_of(world)}),
        (browser, {"iss": ""}),
        (browser, {"state": state[:-2] + "AA"}),
        (browser, {"state": ""}),
    ):
        answer = come_back(world, who, **{**good, **changes, "error_description": "<script>secret words"})
        assert (answer.status_code, "Location" in answer.headers) == (403, False), changes
        assert "secret words" not in answer.text
    without = come_back(world, browser, state=state, code="x")
    assert without.status_code == 403, "the provider promises to name itself"
    assert come_back(world, browser, **good).status_code == 302
    assert come_back(world, browser, **good).status_code == 403
    assert reasons(world) >= {HostLoginFault.FOREIGN_ISSUER, HostLoginFault.USED_BEFORE}


def test_errors_of_the_provider_are_passed_on_as_codes(world: World, provider: str) -> None:
    for error, told in (
        ("access_denied", "access_denied"),
        ("invalid_scope", "invalid_scope"),
        ("unauthorized_client", "server_error"),
        ('"><script>alert(1)</script>', "server_error"),
        ("x\r\nSet-Cookie: a=b", "server_error"),
        ("", "server_error"),
    ):
        browser = Browser()
        state = at_provider(world, browser)["state"]
        sent = {"state": state, "iss": provider, "error": error, "error_description": "secret words"}
        location = come_back(world, browser, **sent).headers["Location"]
        found = query_of(location)
        assert found == {"error": told, "state": "state of the host", "iss": server_of(world)}
        assert location.startswith(f"{REDIRECT}?")
    browser = Browser()
    state = at_provider(world, browser)["state"]
    long = come_back(world, browser, state=state, iss=provider, code="x" * 4_097)
    assert query_of(long.headers["Location"])["error"] == "server_error"


def test_a_code_is_good_once_for_its_host_alone(world: World, provider: str) -> None:
    code = Browser().log_in(world)["code"]
    for changes, error in (
        ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": challenge_of(VERIFIER)}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": LISTED}, "invalid_grant"),
        ({"redirect_uri": f"{REDIRECT}/"}, "invalid_grant"),
        ({"code": code[:-2] + "AA"}, "invalid_grant"),
        ({"code": None}, "invalid_grant"),
        ({"client_id": None}, "invalid_client"),
        ({"client_id": "another"}, "invalid_client"),
        ({"client_secret": "x"}, "invalid_client"),
        ({"resource": "https://evil.example.com/mcp"}, "invalid_target"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
    ):
        answer = exchange(world, **{"code": code, **changes})
        status = 401 if error == "invalid_client" else 400
        assert (answer.status_code, answer.json()["error"]) == (status, error), changes
        assert_nothing_internal(answer.text)
    assert exchange(world, code).status_code == 200
    again = exchange(world, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    forged = exchange(world, "code-of-the-provider")
    assert forged.json()["error"] == "invalid_grant"
    form = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": "not one"}
    assert world.http.post("/oauth/hosts/login/token", data=form).json()["error"] == "invalid_grant"
    basic = world.http.post("/oauth/hosts/login/token", data=form, auth=(CLIENT, "x"))
    assert basic.status_code == 401
    assert reasons(world) >= {HostLoginFault.CODE_INVALID, HostLoginFault.WRONG_VERIFIER}


def test_what_an_administrator_changes_ends_logins_on_their_way(
    world: World, trusted: dict[str, Any]
) -> None:
    code = Browser().log_in(world, LISTED, redirect_uri=LISTED)["code"]
    world.ask("PUT", "issuers/login", {**trusted, "host_redirects": []})
    refused = exchange(world, code, redirect_uri=LISTED)
    assert refused.json()["error"] == "invalid_grant"
    assert world.http.get(authorize_url(world, redirect_uri=LISTED)).status_code == 400
    world.ask("PUT", "issuers/login", {**trusted, "host_client_id": "another"})
    assert exchange(world, code, redirect_uri=LISTED).json()["error"] == "invalid_grant"
    off = {name: value for name, value in trusted.items() if not name.startswith("host_")}
    world.ask("PUT", "issuers/login", off)
    assert exchange(world, code, redirect_uri=LISTED).status_code == 404
    assert world.http.get(authorize_url(world)).status_code == 404
    world.ask("PUT", "issuers/login", trusted)
    assert exchange(world, code, redirect_uri=LISTED).status_code == 200, "it was not used up"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"host_redirects": ["https://user@vscode.dev/"]}, "host_redirects"),
        ({"host_redirects": ["http://vscode.dev/"]}, "host_redirects"),
        ({"host_redirects": ["javascript:alert(1)"]}, "host_redirects"),
        ({"host_redirects": ["https://vscode.dev/#x"]}, "host_redirects"),
        ({"host_redirects": ["http://127.0.0.1/"]}, "host_redirects"),
        ({"host_client_id": None}, "host_client_id"),
        ({"host_client_secret": "the secret itself"}, "reference"),
        ({"login_client_id": "same", "host_client_id": "same"}, "login_client_id"),
        ({"host_scopes": ["two words"]}, "scope"),
    ],
)
def test_issuers_that_could_not_be_used_safely_are_refused(
    world: World, trusted: dict[str, Any], fields: dict[str, Any], word: str
) -> None:
    answer = world.admin.put("/v1/admin/issuers/login", json={**trusted, **fields})
    assert answer.status_code == 400, answer.text
    assert word in answer.text


def test_the_code_of_one_issuer_is_none_of_another(world: World) -> None:
    with oidc_provider(resource=f"{world.rig.client_url}/mcp") as url:
        client = host_logins.registered(url, f"{server_of(world, 'second')}/callback", secret=False)
        body = {
            "url": url,
            "audiences": ["x"],
            "group_prefix": "second.",
            "private_addresses": True,
            "scopes": ["read"],
            "host_client_id": client["client_id"],
        }
        world.ask("PUT", "issuers/second", body)
        back = Browser().log_in(world)
        crossed = exchange(world, back["code"], name="second")
        assert crossed.json()["error"] == "invalid_grant"
        browser = Browser()
        state = at_provider(world, browser)["state"]
        mixed = browser.send(
            "GET",
            f"{server_of(world, 'second')}/callback?{urlencode({'state': state, 'code': 'x', 'iss': url})}",
        )
        assert mixed.status_code == 403
        # A public client at the provider needs no secret here.
        second = query_of(browser.follow(browser.decide(authorize_url(world, "second")), REDIRECT))
        assert second["iss"] == server_of(world, "second")
        assert exchange(world, second["code"], name="second").status_code == 200
        world.ask("DELETE", "issuers/second")


def test_a_provider_that_is_gone_is_told_to_the_host(world: World, trusted: dict[str, Any]) -> None:
    code = Browser().log_in(world)["code"]
    gone = {**trusted, "url": "http://127.0.0.1:9"}
    world.ask("PUT", "issuers/login", gone)
    assert "error=temporarily_unavailable" in Browser().decide(authorize_url(world))
    world.ask("PUT", "issuers/login", trusted)
    secret = world.rig.directory / "host-secret"
    kept = secret.read_text()
    secret.write_text("another secret")
    answer = exchange(world, code)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert_nothing_internal(answer.text)
    secret.write_text(kept)


def test_an_address_has_so_many_steps_a_minute(world: World) -> None:
    """The last test: afterwards this address has to wait."""
    statuses = [
        world.http.post("/oauth/hosts/login/register", json={"redirect_uris": [REDIRECT]}) for _ in range(500)
    ]
    refused = next(each for each in statuses if each.status_code != 201)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    page = world.http.get(authorize_url(world))
    assert page.status_code == 429
    assert page.headers["Content-Type"].startswith("text/html")


def test_an_api_gateway_leads_nobody_to_a_login() -> None:
    """At its listener the gateway names the users."""
    assert [route.path for route in gateway_routes() if HOST_LOGIN in route.path] == []
