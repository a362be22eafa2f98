"""Two servers on one PostgreSQL use one grant of a user at a provider that ends it if a refresh token comes twice."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.end_to_end.connecting import NAME, offer, send, subject
from tests.end_to_end.faces import LEGACY
from tests.end_to_end.two_servers import session, two_servers
from tests.end_to_end.world import GROUP, Caller, Person, World, downstream, until
from tests.server.downstream.authorization.oidc_provider import Browser, oidc_provider
from tests.server.web.scim_server import USER

REFRESHES = 5
CALLS_AT_ONCE = 8


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Run two servers with the same keys, and an MCP whose tokens last for two seconds."""
    with ExitStack() as stack:
        worlds = stack.enter_context(two_servers(tmp_path, "postgresql"))
        echo = stack.enter_context(downstream(tmp_path, "--http", server="echoing_server"))
        provider = stack.enter_context(oidc_provider(target=echo.url, seconds=2))
        worlds[0].ask("POST", "groups", {"name": GROUP})
        offer(worlds[0], provider)
        yield worlds


async def _consent(url: str) -> None:
    async with Browser() as browser:
        await browser.enter_code(url)


def connect_by_device(world: World, person: Person) -> None:
    path = f"/v1/credentials/{NAME}/connect"
    begun = send(world, person, "POST", path, {"device": True}).json()
    asyncio.run(_consent(f"{begun['verification_uri']}?user_code={begun['user_code']}"))
    done = send(world, person, "POST", f"{path}/finish", {"ticket": begun["ticket"]})
    assert done.status_code == 200, done.text


def status(world: World, person: Person) -> str:
    return str(send(world, person, "GET", "/v1/connections").json()["connections"][0]["status"])


def test_refreshes_on_two_servers_never_lose_the_grant(servers: tuple[World, World]) -> None:
    here, there = servers
    person = here.person()
    until(lambda: there.register(person.key).is_success, "the second server knows the user")
    connect_by_device(here, person)
    until(lambda: status(there, person) == "connected", "the second server knows of it")
    callers: list[Caller] = [session(world, person.key) for world in servers]
    for caller in callers:
        until(lambda c=caller: f"{NAME}__received" in c.names(LEGACY), "the tools are listed")
    refreshed = {"action": "credential:token:refresh"}
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:

        def are_enough() -> bool:
            found = list(pool.map(subject, callers * (CALLS_AT_ONCE // 2)))
            assert set(found) == {"alice"}
            return sum(len(world.events(**refreshed)) for world in servers) >= REFRESHES

        until(are_enough, "the token is refreshed several times")
    events = [event for world in servers for event in world.events(**refreshed)]
    assert {event["outcome"] for event in events} == {"permitted"}
    assert [status(world, person) for world in servers] == ["connected", "connected"]
    assert send(there, person, "DELETE", f"/v1/credentials/{NAME}/connect").json() == {"revoked": True}
    until(lambda: status(here, person) == "missing", "the first server knows of it")
    assert not callers[0].call(LEGACY, f"{NAME}__received", {}).succeeded


def test_who_is_deactivated_or_stopped_loses_the_access_at_the_provider(
    servers: tuple[World, World],
) -> None:
    here, _ = servers
    scim = scim_key(here)
    deactivated, stopped, described = here.person(), here.person(), described_person(here, scim)
    for person in (deactivated, stopped, described):
        until(lambda person=person: here.register(person.key).is_success, "the user is known")
        connect_by_device(here, person)
    here.ask("PATCH", f"users/{deactivated.name}", {"status": "deactivated"})
    about = {"filter": f'userName eq "{described.name}"'}
    (found,) = here.admin.get("/scim/v2/Users", params=about, headers=scim).json()["Resources"]
    ended_by_scim = here.admin.delete(f"/scim/v2/Users/{found['id']}", headers=scim)
    assert ended_by_scim.status_code == 204, ended_by_scim.text
    switch = {"scope": "user", "target": stopped.name, "reason": "a lost laptop"}
    here.ask("POST", "kill-switches", {**switch, "drill": True})
    assert given(here, stopped) == ["oauth"]
    pulled = here.ask("POST", "kill-switches", switch)
    assert [f"{stopped.name!r} to an MCP ends" in warning for warning in pulled["warnings"]] == [True]
    switch_id = pulled["id"]
    here.ask("POST", f"kill-switches/{switch_id}/lift")
    assert given(here, stopped) == given(here, deactivated) == given(here, described) == []
    ended = {
        each["details"]["user"]: each["details"] for each in here.events(action="credential:user:revoke")
    }
    because_of = {deactivated: "deactivated", described: "deactivated", stopped: "stopped"}
    for person, because in because_of.items():
        assert (ended[person.name]["because"], ended[person.name]["fields"]) == (because, ["oauth"])
    until(
        lambda: sum(len(world.events(action="credential:grant:revoke")) for world in servers) >= len(ended),
        "a job has revoked every grant at the provider",
    )


def scim_key(world: World) -> dict[str, str]:
    """Return the headers with which an identity provider describes users."""
    issuer = {"url": "https://okta.example.com", "audiences": ["a"], "group_prefix": "okta."}
    world.ask("PUT", "issuers/okta", issuer)
    issued = world.ask("POST", "admin-keys", {"name": "scim", "roles": ["scim"], "issuer": "okta"})
    return {"Authorization": f"Bearer {issued['admin_key']}", "X-Admin-Key": issued["admin_key"]}


def described_person(world: World, scim: dict[str, str]) -> Person:
    """Create a user by SCIM who may call everything."""
    name = world.fresh("described")
    body = {"schemas": [USER], "userName": name}
    created = world.admin.post("/scim/v2/Users", json=body, headers=scim)
    assert created.status_code == 201, created.text
    world.ask("PUT", f"groups/{GROUP}/members/{name}")
    issued = world.ask("POST", "keys", {"user": name, "name": "laptop"})
    return Person(name, issued["key"]["id"], issued["preshared_key"])


def given(world: World, person: Person) -> list[str]:
    """Return the fields for which an administrator sees that the user has given a value."""
    found = world.ask("GET", f"credentials?filter=user={person.name}")["items"]
    return [field for each in found for field in each["fields"]]
