"""Putting a grant is idempotent: only its owner and its expiry can change."""

from typing import Any

import httpx
import pytest

from tests.end_to_end.world import World, assert_refused, assert_works


def put(world: World, body: dict[str, Any]) -> httpx.Response:
    return world.admin.put("/v1/admin/grants", json=body)


def test_putting_a_grant_twice_creates_one_grant(world: World) -> None:
    group = world.group()
    body = {"group": group, "mcp": "tools", "tools": ["echo", "par*"], "owner": "ci/grants"}
    first, again = put(world, body), put(world, {**body, "tools": ["tools.par*", "tools.echo"]})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert (first.json()["delivery"], first.json()["owner"]) == ("automatic", "ci/grants")
    changed = put(world, {**body, "owner": "ci/other", "expires_in_seconds": 3600})
    assert (changed.status_code, changed.json()["id"]) == (200, first.json()["id"])
    assert changed.json()["owner"] == "ci/other"
    assert changed.json()["expires_at"] is not None
    assert put(world, {**body, "effect": "deny"}).status_code == 201
    refused = world.admin.post(
        "/v1/admin/grants", json={**body, "expires_in_seconds": None, "effect": "deny"}
    )
    assert refused.status_code == 409


def test_putting_an_expired_grant_renews_it(world: World) -> None:
    group = world.group()
    caller = world.session(world.person(group))
    grant = put(world, {"group": group, "mcp": "tools"}).json()
    assert_works(caller)
    world.ask("DELETE", f"grants/{grant['id']}")
    assert_refused(caller, "Unknown tool")
    assert put(world, {"group": group, "mcp": "tools"}).status_code == 201
    assert_works(caller)


def test_command_adds_an_opt_in_grant(world: World) -> None:
    group = world.group()
    grant = world.rig.admin_json("grant", "add", group, "tools", "--opt-in", "--owner", "ci/grants")
    assert (grant["delivery"], grant["owner"]) == ("opt_in", "ci/grants")
    assert grant.pop("warnings") == []
    assert world.rig.admin_json("grant", "list", "--filter", f"group={group}") == [grant]
    world.rig.admin("grant", "add", group, "tools", "--opt-in", "--deny", expect=2)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"group": "no-such-group"}, 404),
        ({"mcp": "no-such-mcp"}, 404),
        ({"tools": []}, 400),
        ({"delivery": "later"}, 400),
        ({"delivery": "opt_in", "effect": "deny"}, 400),
        ({"owner": "not a label"}, 400),
        ({"grant": "x"}, 400),
    ],
)
def test_invalid_grant_is_refused(world: World, changes: dict[str, Any], status: int) -> None:
    body = {"group": world.group(), "mcp": "tools", **changes}
    assert put(world, body).status_code == status


def test_command_refuses_a_denial_that_matches_nothing_unless_that_is_allowed(world: World) -> None:
    denial = ("grant", "add", world.group(), "tools", "--deny", "--tool", "tools__echo")
    refused = world.rig.admin(*denial, expect=2)
    assert "written without it: 'echo'" in refused.stderr
    assert "--allow-unmatched" in refused.stderr
    added = world.rig.admin(*denial, "--allow-unmatched")
    assert "written without it: 'echo'" in added.stderr
