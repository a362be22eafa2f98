"""`access explain` draws the path of a call up to the step that denies it."""

from typing import Any

from tests.end_to_end.world import Downstream, World


def path(world: World, user: str, tool: str) -> tuple[str | None, list[tuple[str, str | None, bool]]]:
    """Return the reason and the steps."""
    explained: dict[str, Any] = world.rig.admin_json("access", "explain", user, tool)
    return explained["reason"], [(step["kind"], step["name"], step["ends"]) for step in explained["path"]]


def test_path_ends_where_the_call_is_denied(world: World, tools: Downstream) -> None:
    world.publish("walked", "streamable_http", {"url": tools.url})
    tool = "walked.echo"
    for method, where, body in (
        ("POST", "users", {"name": "walker"}),
        ("POST", "groups", {"name": "walkers"}),
    ):
        world.ask(method, where, body)
    user = ("user", "walker", False)
    assert path(world, "walker", tool) == ("unknown_key", [user, ("key", None, True)])
    world.ask("POST", "keys", {"user": "walker", "name": "desk"})
    key = ("key", "desk", False)
    nothing = [user, key, ("group", None, False), ("grant", None, True)]
    assert path(world, "walker", tool) == ("no_grant", nothing)
    world.ask("PUT", "groups/walkers/members/walker")
    group = ("group", "walkers", False)
    assert path(world, "walker", tool) == ("no_grant", [user, key, group, ("grant", None, True)])
    granted = world.ask("POST", "grants", {"group": "walkers", "mcp": "walked"})["id"]
    grant = ("grant", granted[:8], False)
    whole = [user, key, group, grant, ("mcp", "walked", False), ("tool", tool, False)]
    assert path(world, "walker", tool) == (None, whole)
    shown = world.rig.admin("access", "explain", "walker", tool).stdout
    steps = f"user walker → key desk → group walkers → grant {granted[:8]} → mcp walked → tool {tool}"
    assert f"\n{steps}  ✓ permitted\n" in shown
    for scope, target, ends in (
        ("group", "walkers", 2),
        ("mcp", "walked", 4),
        ("tool", tool, 5),
        ("user", "walker", 0),
    ):
        stop = {"scope": scope, "target": target, "reason": "test", "expires_in_seconds": 600}
        switch = world.ask("POST", "kill-switches", stop)["id"]
        expected = [*whole[:ends], (*whole[ends][:2], True)]
        assert path(world, "walker", tool) == ("kill_switch", expected)
        world.ask("POST", f"kill-switches/{switch}/lift")
    world.ask("POST", "grants", {"group": "walkers", "mcp": "walked", "tools": [tool], "effect": "deny"})
    reason, found = path(world, "walker", tool)
    assert (reason, found[-1][0], found[-1][2]) == ("explicit_deny", "grant", True)
    world.ask("PATCH", "users/walker", {"status": "suspended"})
    assert path(world, "walker", tool) == ("user_not_active", [("user", "walker", True)])
