"""A server with a public URL of its own, and an MCP behind oidc-provider that users connect to with real commands."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import LEGACY
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import GROUP, Caller, Person, World, downstream, running
from tests.rig import Rig
from tests.server.downstream.authorization.oidc_provider import oidc_provider

BROWSER = Path(__file__).parents[1] / "fakes" / "headless_browser.py"
NAME = "mail"


@contextmanager
def connecting_world(directory: Path, prepared: Rig, **options: object) -> Iterator[tuple[World, str]]:
    """Yield a server and the URL of the authorization server."""
    with (
        downstream(directory, "--http", server="echoing_server") as echo,
        oidc_provider(target=echo.url, **options) as provider,
        running(directory, prepared, limits=GENEROUS) as world,
    ):
        give_public_url(world, world.rig.client_url)
        offer(world, provider)
        yield world, provider


def give_public_url(world: World, url: str) -> None:
    """Restart the server with a public URL; its port is known only once it has run."""
    assert world.rig.stop() == 0
    (world.rig.directory / "server.yaml").write_text(json.dumps({"limits": GENEROUS, "public_url": url}))
    world.start()


def offer(world: World, provider: str, name: str = NAME, **oauth: object) -> None:
    """Publish the MCP, and grant it to the developers."""
    needs = {"oauth": {"private_addresses": True, **oauth}}
    world.offer(name, "streamable_http", {"url": f"{provider}/mcp"}, credentials=needs)
    world.ask("POST", f"mcps/{name}/publish")
    world.ask("POST", "grants", {"group": GROUP, "mcp": name})


def client_of(world: World, person: Person, home: Path, account: str) -> Client:
    """Return the commands of a user whose browser is logged in at the provider as `account`."""
    browser = f"{sys.executable} {BROWSER} %s"
    client = Client(world, home, BROWSER=browser, ACCOUNT=account)
    client.login(person)
    return client


def browse(url: str, account: str = "alice") -> httpx.Response:
    """Open a URL as a user whose browser is logged in, and consent."""
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=60) as browser:
        browser.cookies.set("account", account, domain="127.0.0.1")
        return browser.get(url)


def send(world: World, person: Person, method: str, path: str, body: Any = None) -> httpx.Response:
    """Send a request as a user."""
    return world.http.request(method, path, json=body, headers={"Authorization": f"Bearer {person.key}"})


def connect(world: World, person: Person, account: str) -> None:
    """Connect a user without commands."""
    begun = send(world, person, "POST", f"/v1/credentials/{NAME}/connect", {}).json()
    page = browse(begun["url"], account)
    body = {"ticket": begun["ticket"], "code": code_on(page.text)}
    done = send(world, person, "POST", f"/v1/credentials/{NAME}/connect/finish", body)
    assert done.is_success, done.text


def code_on(page: str) -> str:
    """Return the completion code of a page."""
    return page.partition("<code>")[2].partition("</code>")[0]


def subject(caller: Caller) -> str:
    """Call the MCP, and return whose token it has got."""
    answer = caller.call(LEGACY, f"{NAME}__received", {})
    assert answer.succeeded, answer
    return str(json.loads(answer.text)["headers"]["X-Subject"])
