"""A login of a host goes on at another server, and its state and its code are good once on both together."""

import json
from urllib.parse import urlsplit

import httpx

from tests.end_to_end import test_pins_on_two_servers
from tests.end_to_end.host_logins import REDIRECT, Browser, authorize_url, exchange, query_of, trust_hosts
from tests.end_to_end.world import World, until
from tests.server.downstream.authorization.oidc_provider import oidc_provider

servers = test_pins_on_two_servers.servers


def elsewhere(url: str, world: World) -> str:
    """Return the same URL at another server."""
    return urlsplit(url)._replace(netloc=urlsplit(world.rig.client_url).netloc).geturl()


def test_state_and_code_are_good_once_on_both_servers(servers: tuple[World, World]) -> None:
    here, there = servers
    url = here.rig.client_url
    for world in servers:
        file = world.rig.directory / "server.yaml"
        assert world.rig.stop() == 0
        file.write_text(json.dumps({**json.loads(file.read_text()), "public_url": url}))
        world.start()
    url = here.rig.client_url
    with oidc_provider(resource=f"{url}/mcp") as provider:
        trust_hosts(here, provider)
        path = "/.well-known/oauth-authorization-server/oauth/hosts/login"
        until(lambda: there.http.get(path).status_code == 200, "the other server knows the issuer")
        assert there.http.get(path).json()["issuer"] == f"{url}/oauth/hosts/login"
        browser = Browser()
        back = browser.follow(browser.decide(elsewhere(authorize_url(here), there)), f"{url}/oauth/hosts")
        taken = browser.send("GET", elsewhere(back, there))
        assert taken.status_code == 302
        assert browser.send("GET", back).status_code == 403
        code = query_of(taken.headers["Location"])["code"]
        assert taken.headers["Location"].startswith(REDIRECT)
        answers = [exchange(world, code) for world in (here, there)]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert _error(answers[1]) == "invalid_grant"


def _error(answer: httpx.Response) -> str:
    return str(answer.json()["error"])
