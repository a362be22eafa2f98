"""A decision of an administrator applies to the next call of a host with a running ambassador-client."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.host import Host, environment
from tests.client.host import host as start_client
from tests.end_to_end.world import GROUP, Downstream, Person, World

ECHO = "tools__echo"
Step = Callable[[World, Person], None]


@pytest.fixture(autouse=True)
def _no_refused_call_arrives(tools: Downstream) -> Iterator[None]:
    yield
    assert not [call for call in tools.calls() if call["arguments"].get("text") == "must not run"]


def _suspend_user(world: World, person: Person) -> None:
    world.ask("PATCH", f"users/{person.name}", {"status": "suspended"})


def _activate_user(world: World, person: Person) -> None:
    world.ask("PATCH", f"users/{person.name}", {"status": "active"})


def _leave_group(world: World, person: Person) -> None:
    world.ask("DELETE", f"groups/{GROUP}/members/{person.name}")


def _enter_group(world: World, person: Person) -> None:
    world.ask("PUT", f"groups/{GROUP}/members/{person.name}")


def _stop_user(world: World, person: Person) -> None:
    world.ask("POST", "kill-switches", {"scope": "user", "target": person.name, "reason": "incident 7"})


def _lift(world: World, person: Person) -> None:
    (switch,) = [each for each in world.ask("GET", "kill-switches")["items"] if each["target"] == person.name]
    world.ask("POST", f"kill-switches/{switch['id']}/lift")


@pytest.mark.parametrize(
    ("stop", "let_go", "word"),
    [
        (_suspend_user, _activate_user, "user_not_active"),
        (_leave_group, _enter_group, "Unknown tool"),
        (_stop_user, _lift, "incident 7"),
    ],
)
@pytest.mark.parametrize("modern", [False, True], ids=["2025-06-18", "2026-07-28"])
async def test_refusal_and_its_end_apply_to_the_next_call(
    world: World, tmp_path: Path, stop: Step, let_go: Step, word: str, modern: bool
) -> None:
    person = world.person()
    async with start_client(env_of(world, person, tmp_path)) as host:
        if not modern:
            await host.initialize()
        assert "ran" in await echo(host, "ran", modern=modern)
        stop(world, person)
        assert word in await echo(host, "must not run", modern=modern)
        assert ECHO not in await names(host, modern=modern)
        let_go(world, person)
        assert "again" in await echo(host, "again", modern=modern)
        assert ECHO in await names(host, modern=modern)


async def test_revoked_key_is_refused_on_the_next_call(world: World, tmp_path: Path) -> None:
    person = world.person()
    async with start_client(env_of(world, person, tmp_path)) as host:
        await host.initialize()
        assert "ran" in await echo(host, "ran")
        world.ask("POST", f"keys/{person.key_id}/revoke")
        assert "ran" not in (said := await echo(host, "must not run"))
        assert "key" in said


def env_of(world: World, person: Person, state: Path) -> dict[str, str]:
    """Return the environment with which this user's client connects to the server."""
    key = {"MCP_AMBASSADOR_PRESHARED_KEY": person.key}
    return environment(world.rig.client_url, state, **key)


async def echo(host: Host, text: str, *, modern: bool = False) -> str:
    """Call the tool and return the whole message that the host receives."""
    return str(await host.call(ECHO, {"text": text}, modern=modern))


async def names(host: Host, *, modern: bool = False) -> list[str]:
    """Return the tools that the host sees."""
    answer = await host.request("tools/list", modern=modern)
    return [tool["name"] for tool in answer.get("result", {}).get("tools", [])]
