"""A provider where people sign in, an issuer that is trusted for that, and the ID token of a person."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import httpx
import pytest

from ambassador_client.account.sign_in import IdToken, choose_issuer, sign_in_with_browser
from ambassador_protocol.paths import SIGN_IN
from tests.end_to_end.connecting import browse
from tests.end_to_end.world import World
from tests.patience import PATIENCE


def registered(provider: str, **changes: Any) -> str:
    """Register a public client of commands, and return its id."""
    body = {
        "client_name": "Ambassador commands",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        **changes,
    }
    with httpx.Client(trust_env=False, timeout=60) as http:
        found = http.get(f"{provider}/.well-known/openid-configuration").json()
        answer = http.post(found["registration_endpoint"], json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["client_id"])


def trust(world: World, provider: str, client_id: str, **more: Any) -> None:
    body = {
        "url": provider,
        "audiences": [f"{world.rig.client_url}/mcp"],
        "group_prefix": "org.",
        "private_addresses": True,
        "user_claims": ["sub"],
        "creates_users": True,
        "login_client_id": client_id,
        "login_scopes": ["openid"],
        **more,
    }
    world.ask("PUT", "issuers/org", body)


def id_token(
    world: World, provider: str, client_id: str, account: str, monkeypatch: pytest.MonkeyPatch
) -> IdToken:
    """Sign in with the code of the commands, and return what would be exchanged."""

    def open_page(url: str) -> Callable[[], bool]:
        Thread(target=browse, args=(url, account), daemon=True).start()
        return lambda: False

    monkeypatch.setattr("ambassador_client.account.loopback_listener.open_browser", open_page)
    issuer = choose_issuer(world.http.get(SIGN_IN).json(), "org", world.rig.client_url)
    assert (issuer.url, issuer.client_id) == (provider, client_id)
    return sign_in_with_browser(issuer, lambda _: None, PATIENCE)
