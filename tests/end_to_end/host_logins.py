"""Hosts that log in through the server: its client at a provider, a host with PKCE, and a browser with cookies."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from ambassador_server.domain.people.host_requests import challenge_of
from tests.end_to_end.world import World
from tests.patience import PATIENCE

REDIRECT: Final = "http://127.0.0.1:3999/callback"
VERIFIER: Final = "v" * 43
CLIENT: Final = "mcp-host"


def server_of(world: World, name: str = "login") -> str:
    """Return the identifier of the authorization server for hosts of an issuer."""
    return f"{world.rig.client_url}/oauth/hosts/{name}"


def registered(provider: str, callback: str, *, secret: bool = True) -> dict[str, Any]:
    """Register the client of the server at the provider."""
    body = {
        "client_name": "MCP Ambassador",
        "application_type": "native",
        "redirect_uris": [callback],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
    }
    with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
        answer = http.post(f"{provider}/reg", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def trust_hosts(world: World, provider: str, **more: Any) -> dict[str, Any]:
    """Trust the provider as the issuer `login`, with a confidential client for hosts, and return the body of that."""
    client = registered(provider, f"{server_of(world)}/callback")
    secret = world.rig.directory / "host-secret"
    secret.write_text(client["client_secret"])
    body = {
        "url": provider,
        "audiences": [f"{world.rig.client_url}/mcp"],
        "group_prefix": "login.",
        "private_addresses": True,
        "user_claims": ["sub"],
        "creates_users": True,
        "scopes": ["read"],
        "host_client_id": client["client_id"],
        "host_client_secret": f"file://{secret}",
        **more,
    }
    world.ask("PUT", "issuers/login", body)
    return body


@dataclass
class Browser:
    """A browser of one person, who is logged in at the provider as `account`; it runs no scripts."""

    account: str = "alice"
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    def __post_init__(self) -> None:
        self.cookies.set("account", self.account, domain="127.0.0.1")

    def send(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send a request, and keep the cookies of the answer."""
        with httpx.Client(trust_env=False, timeout=PATIENCE, cookies=self.cookies) as http:
            answer = http.request(method, url, **more)
            self.cookies = http.cookies
        return answer

    def consent_page(self, url: str) -> httpx.Response:
        """Open the page that asks for consent."""
        page = self.send("GET", url)
        assert page.status_code == 200, page.text
        return page

    def decide(self, url: str, decision: str = "allow") -> str:
        """Open the page, decide, and return where the browser is sent then."""
        page = self.consent_page(url)
        answer = self.send("POST", url.partition("?")[0], data=form_of(page) | {"decision": decision})
        assert answer.status_code == 200, answer.text
        return onward(answer)

    def follow(self, url: str, until: str) -> str:
        """Follow redirects up to one that begins with this text."""
        for _ in range(10):
            if url.startswith(until):
                return url
            answer = self.send("GET", url)
            assert answer.status_code in (302, 303), answer.text
            url = str(answer.url.join(answer.headers["Location"]))
        raise AssertionError("too many redirects")

    def log_in(self, world: World, redirect: str = REDIRECT, **changes: str | None) -> dict[str, str]:
        """Go all the way, and return what the host is told."""
        return query_of(self.follow(self.decide(authorize_url(world, **changes)), redirect))


def authorize_url(world: World, name: str = "login", **changes: str | None) -> str:
    """Return the URL that a host opens; None takes a parameter away."""
    parameters = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": REDIRECT,
        "state": "state of the host",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        "resource": f"{world.rig.client_url}/mcp",
        **changes,
    }
    given = {key: value for key, value in parameters.items() if value is not None}
    return f"{server_of(world, name)}/authorize?{urlencode(given)}"


def exchange(world: World, code: str | None, name: str = "login", **changes: str | None) -> httpx.Response:
    """Exchange a code as the host does."""
    form = {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **changes,
    }
    given = {key: value for key, value in form.items() if value is not None}
    return world.http.post(f"/oauth/hosts/{name}/token", data=given)


def form_of(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of the form on a page."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))


def onward(page: httpx.Response) -> str:
    """Return where a page sends the browser."""
    found = re.search(r'content="0;url=([^"]+)"', page.text)
    assert found, page.text
    return unescape(found[1])


def query_of(url: str) -> dict[str, str]:
    """Return the parameters of a URL, which has each once."""
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), url
    return dict(pairs)
