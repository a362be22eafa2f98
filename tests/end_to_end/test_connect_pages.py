"""The pages of connecting: nothing but the one browser with the cookie gets on, whatever else a caller sends."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import NAME, browse, client_of, code_on, connecting_world, send
from tests.end_to_end.world import Person, World, running
from tests.rig import Rig

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@pytest.fixture(scope="module")
def running_world(directory: Path, prepared: Rig) -> Iterator[tuple[World, str]]:
    with connecting_world(directory, prepared) as started:
        yield started


@pytest.fixture
def world(running_world: tuple[World, str]) -> World:
    return running_world[0]


@pytest.fixture
def provider(running_world: tuple[World, str]) -> str:
    return running_world[1]


@pytest.fixture
def person(world: World) -> Person:
    return world.person()


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    """Follow no redirect by itself."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        client.cookies.set("account", "mallory", domain="127.0.0.1")
        yield client


def begin(world: World, person: Person) -> dict[str, str]:
    begun = send(world, person, "POST", f"/v1/credentials/{NAME}/connect", {})
    assert begun.status_code == 201, begun.text
    return dict(begun.json())


def finish(world: World, person: Person, ticket: str, code: str) -> httpx.Response:
    body = {"ticket": ticket, "code": code}
    return send(world, person, "POST", f"/v1/credentials/{NAME}/connect/finish", body)


def to_callback(browser: httpx.Client, url: str, world: World) -> str:
    """Follow redirects up to the one that leads back to the server, and return its URL."""
    here = httpx.URL(url)
    for _ in range(12):
        page = browser.get(here)
        here = here.join(page.headers["Location"])
        if str(here).startswith(f"{world.rig.client_url}/oauth/callback"):
            return str(here)
    raise AssertionError("too many redirects")


def test_link_binds_one_browser_and_tells_nothing_more(
    world: World, provider: str, person: Person, browser: httpx.Client
) -> None:
    begun = begin(world, person)
    assert browser.head(begun["url"]).status_code == 405, "a program that looks at a link does not open it"
    opened = browser.get(begun["url"])
    assert opened.status_code == 302
    location = httpx.URL(opened.headers["Location"])
    assert str(location).startswith(f"{provider}/auth?")
    assert location.params["code_challenge_method"] == "S256"
    assert location.params["redirect_uri"] == f"{world.rig.client_url}/oauth/callback"
    cookie = opened.headers["Set-Cookie"]
    assert re.search(r"ambassador-connect-[0-9a-f]{16}=[\w-]{43};", cookie)
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} <= set(cookie.split("; "))
    assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert opened.headers["Cache-Control"] == "no-store"
    again = browser.get(begun["url"])
    assert again.status_code == 404
    assert again.headers["Content-Security-Policy"] == POLICY
    assert again.headers["X-Frame-Options"] == "DENY"
    assert begun["ticket"] not in again.text + world.log_text()


@pytest.mark.parametrize("ticket", ["forged", "x" * 3000, "%3Cscript%3E", "..%2F..%2Fmcp", "%00", "%ff"])
def test_forged_ticket_is_refused_as_a_page(world: World, browser: httpx.Client, ticket: str) -> None:
    page = browser.get(f"{world.rig.client_url}/connect/{ticket}")
    assert page.status_code in (400, 404)
    assert "<script" not in page.text
    assert "Set-Cookie" not in page.headers


def test_callback_of_another_browser_gets_nothing(
    world: World, person: Person, browser: httpx.Client
) -> None:
    begun = begin(world, person)
    url = to_callback(browser, begun["url"], world)
    with httpx.Client(trust_env=False) as other:
        refused = other.get(url)
        assert refused.status_code == 403
        assert "<code>" not in refused.text
    shown = browser.get(url)
    assert shown.status_code == 200, shown.text
    assert shown.headers["Content-Security-Policy"] == POLICY
    assert browser.get(url).status_code == 403, "a callback counts once"
    assert finish(world, person, begun["ticket"], code_on(shown.text)).status_code == 200


def test_attacker_who_sends_the_link_to_a_victim_gets_nothing(
    world: World, person: Person, browser: httpx.Client
) -> None:
    """The victim consents in good faith; only the victim's browser shows the code."""
    begun = begin(world, person)
    page = browse(begun["url"], "victim")
    assert "give this code to nobody" in page.text
    for guess in ("", "AAAAA-AAAAA", begun["ticket"][:40]):
        refused = finish(world, person, begun["ticket"], guess)
        assert refused.status_code == 400
    assert finish(world, world.person(), begun["ticket"], code_on(page.text)).status_code == 404
    connections = send(world, person, "GET", "/v1/connections").json()["connections"]
    assert connections[0]["status"] == "missing"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"iss": ""},
        {"state": "forged"},
        {"state": ""},
        {"code": ""},
        {"error": "<script>alert(1)</script>", "error_description": "<b>text of the provider</b>"},
        {"redirect_uri": "https://evil.example", "state": "x"},
    ],
)
def test_changed_callback_is_refused_without_showing_it(
    world: World, person: Person, browser: httpx.Client, change: dict[str, str]
) -> None:
    begun = begin(world, person)
    url = httpx.URL(to_callback(browser, begun["url"], world))
    page = browser.get(url.copy_merge_params(change))
    assert page.status_code in (403, 502)
    for shown in ("evil", "<script", "text of the provider", "<code>"):
        assert shown not in page.text
    assert "Location" not in page.headers
    assert finish(world, person, begun["ticket"], "AAAAA-AAAAA").status_code in (404, 409)


def test_repeated_parameters_are_refused(world: World, person: Person, browser: httpx.Client) -> None:
    url = to_callback(browser, begin(world, person)["url"], world)
    assert browser.get(f"{url}&code=another").status_code == 400
    assert browser.get(url).status_code == 200


def test_headers_of_a_request_change_no_address(world: World, person: Person) -> None:
    evil = {
        "Authorization": f"Bearer {person.key}",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example;proto=https",
    }
    begun = world.http.post(f"/v1/credentials/{NAME}/connect", json={}, headers=evil).json()
    assert begun["url"].startswith(f"{world.rig.client_url}/connect/")
    with httpx.Client(trust_env=False) as browser:
        opened = browser.get(begun["url"], headers={"X-Forwarded-Host": "evil.example"})
        assert "evil" not in opened.headers["Location"]
        refused = browser.get(begun["url"], headers={"Host": "evil.example"})
        assert refused.status_code == 421


def test_browser_is_sent_to_its_own_machine_alone(world: World, person: Person) -> None:
    for port in ("8080@evil.example", 0, 65536, -1, 80.5, "80"):
        refused = send(world, person, "POST", f"/v1/credentials/{NAME}/connect", {"return_port": port})
        assert refused.status_code == 400, port


def test_begun_connections_need_the_user(world: World, person: Person) -> None:
    assert world.http.post(f"/v1/credentials/{NAME}/connect", json={}).status_code == 401
    assert world.http.post(f"/v1/credentials/{NAME}/connect/finish", json={}).status_code == 401
    assert world.http.delete(f"/v1/credentials/{NAME}/connect").status_code == 401
    assert world.http.get("/v1/connections").status_code == 401
    world.offer("other", "streamable_http", {"url": "http://127.0.0.1:1/"})
    stranger = world.person(world.group("other"))
    refused = send(world, stranger, "POST", f"/v1/credentials/{NAME}/connect", {})
    assert refused.status_code == 404


def test_document_of_the_client_needs_a_public_address(world: World, browser: httpx.Client) -> None:
    assert browser.get(f"{world.rig.client_url}/oauth/client-metadata").status_code == 404


def test_provider_forgets_this_server_and_is_registered_with_again(
    world: World, provider: str, person: Person, tmp_path: Path
) -> None:
    client = client_of(world, person, tmp_path, "ada")
    client.run("connect", NAME)
    with httpx.Client(trust_env=False, timeout=60) as http:
        opened = http.get(begin(world, person)["url"])
        client_id = httpx.URL(opened.headers["Location"]).params["client_id"]
        assert http.get(f"{provider}/forget/{client_id}").is_success
    client.run("connect", NAME)
    assert client.json("connections")[0]["status"] == "connected"


def test_document_of_the_client_is_served_under_the_public_address(directory: Path, prepared: Rig) -> None:
    """A reverse proxy passes requests for the public address on; the server names no other."""
    public = "https://tools.example.com/ambassador"
    home = directory / "public"
    home.mkdir()
    with running(home, prepared, limits=GENEROUS, public_url=f"{public}/") as world:
        document = world.http.get("/oauth/client-metadata", headers={"Host": "tools.example.com"})
        assert document.json() == {
            "client_id": f"{public}/oauth/client-metadata",
            "client_name": "MCP Ambassador",
            "redirect_uris": [f"{public}/oauth/callback"],
            "application_type": "web",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        }
        refused = world.http.get("/oauth/client-metadata", headers={"Host": "tools.example.org"})
        assert refused.status_code == 421
