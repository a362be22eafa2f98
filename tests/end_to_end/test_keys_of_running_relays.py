"""An AI application runs on while its user signs in again: its relay takes the new key when the old one is refused."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.client.host import Host, host
from tests.end_to_end.connecting import BROWSER
from tests.end_to_end.signing_in import trust
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.test_sign_in import sign_in, usable_keys
from tests.end_to_end.world import GROUP, World
from tests.fakes.hostile_provider import CLIENT, HostileProvider, hostile_provider


@pytest.fixture
def provider(world: World) -> Iterator[HostileProvider]:
    with hostile_provider() as running:
        running.user = world.fresh("person")
        trust(world, running.url, CLIENT)
        yield running
        world.ask("DELETE", "issuers/org")


@pytest.fixture
def client(world: World, tmp_path: Path) -> Client:
    return Client(world, tmp_path, BROWSER=f"{sys.executable} {BROWSER} %s")


@asynccontextmanager
async def relay(client: Client) -> AsyncIterator[Host]:
    """Run an application with the relay of the user, which works."""
    async with host(client.environment) as running:
        await running.initialize()
        assert "result" in await call(running)
        yield running
        assert await running.leave() == 0


def refuse(world: World, user: str) -> None:
    """Revoke the keys of a user and end their sessions, so that the next request is answered with 401."""
    for key in usable_keys(world, user):
        world.ask("POST", f"keys/{key['id']}/revoke")
    for session in world.ask("GET", f"sessions?user={user}")["items"]:
        world.ask("POST", f"sessions/{session['id']}/revoke")


async def call(running: Host) -> Any:
    return await running.call("tools__echo", {"text": "hello"})


async def test_the_next_sign_in_on_the_machine_needs_no_restart(
    world: World, provider: HostileProvider, client: Client
) -> None:
    sign_in(world, client)
    world.ask("PUT", f"groups/{GROUP}/members/{provider.user}")
    async with relay(client) as running:
        (first,) = usable_keys(world, provider.user)
        await asyncio.to_thread(sign_in, world, client)
        (second,) = usable_keys(world, provider.user)
        assert first["id"] != second["id"]
        assert "result" in await call(running)
        opened = world.events(action="session:client:open", user=provider.user)
        assert second["id"] in json.dumps(opened[0])
        told = await asyncio.to_thread(client.run, "logout")
        assert "1 running application(s) keep their sessions" in told.stderr


async def test_a_relay_that_was_refused_works_again_after_a_sign_in(
    world: World, provider: HostileProvider, client: Client
) -> None:
    sign_in(world, client)
    world.ask("PUT", f"groups/{GROUP}/members/{provider.user}")
    async with relay(client) as running:
        (key,) = usable_keys(world, provider.user)
        world.ask("POST", f"keys/{key['id']}/revoke")
        assert "key_not_active" in (await call(running))["error"]["message"]
        await asyncio.to_thread(sign_in, world, client)
        assert "result" in await call(running)


async def test_a_relay_that_waits_takes_the_next_key_by_itself(world: World, client: Client) -> None:
    person = world.person(GROUP)
    client.login(person)
    async with relay(client) as running:
        rotated = await asyncio.to_thread(client.json, "key", "rotate")
        assert rotated["account"]
        world.ask("POST", f"keys/{person.key_id}/revoke?keep_replacements=true")
        assert "result" in await call(running)
        refuse(world, person.name)
        assert "AMB-2001" in (await call(running))["error"]["message"]
        key = world.ask("POST", "keys", {"user": person.name, "name": "next"})["preshared_key"]
        words = ("login", world.rig.client_url, "--key-from", "env://KEY")
        await asyncio.to_thread(lambda: client.run(*words, KEY=key))
        await running.until_said("connected to")
        assert "result" in await call(running)


async def test_the_first_login_needs_no_restart_either(world: World, client: Client) -> None:
    person = world.person(GROUP)
    async with host(client.environment) as running:
        await running.initialize()
        assert "ambassador-client login" in (await call(running))["error"]["message"]
        heard = len(running.notifications)
        await asyncio.to_thread(client.login, person)
        changed = "notifications/tools/list_changed"
        await running.until(lambda: changed in [each["method"] for each in running.notifications[heard:]])
        assert "result" in await call(running)
        assert await running.leave() == 0
    assert world.ask("GET", f"sessions?user={person.name}")["items"] == []


async def test_a_key_of_another_server_is_never_sent(world: World, client: Client) -> None:
    """An account that is replaced by one of another server is no account of this relay any more."""
    person = world.person(GROUP)
    client.login(person, "--account", "work")
    async with relay(client) as running:
        (accounts,) = client.home.rglob("accounts.json")
        accounts.write_text(
            accounts.read_text().replace(world.rig.client_url, "https://other.example.com:8443")
        )
        sessions = len(world.events(action="session:client:open", user=person.name))
        refuse(world, person.name)
        told = (await call(running))["error"]["message"]
        assert "account work is for https://other.example.com:8443 now" in told
        assert len(world.events(action="session:client:open", user=person.name)) == sessions
        assert world.events(action="session:client:refuse", user=person.name) == []
