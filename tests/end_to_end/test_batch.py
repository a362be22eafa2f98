"""A batch is one change: all operations or none are applied, and each needs the same right as alone."""

from typing import Any

import httpx
import pytest

from tests.end_to_end.world import World


def send(world: World, *operations: dict[str, Any], key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"X-Admin-Key": key}
    return world.admin.post("/v1/admin/batch", json={"operations": list(operations)}, headers=headers)


def put_user(name: str, **facts: Any) -> dict[str, Any]:
    return {"kind": "put-user", "name": name, "set": facts}


def put_group(name: str, **facts: Any) -> dict[str, Any]:
    return {"kind": "put-group", "name": name, "set": facts}


def test_batch_is_applied_and_sets_owners(world: World) -> None:
    user, group = world.fresh("user"), world.fresh("group")
    grant = {"group": group, "mcp": "tools", "tools": ["echo"], "owner": "ci/test"}
    answer = send(
        world,
        put_user(user, email="x@example.com", owner="ci/test"),
        put_group(group, owner="ci/test"),
        {"kind": "add-member", "group": group, "user": user, "owner": "ci/test"},
        {"kind": "put-grant", "set": grant},
    )
    assert (answer.status_code, answer.json()) == (200, {"done": 4, "warnings": []})
    assert world.ask("GET", f"users/{user}")["groups"] == [group]
    listed = world.ask("GET", f"memberships?filter=group={group}")["items"]
    assert listed == [{"group": group, "user": user, "owner": "ci/test"}]
    (kept,) = world.ask("GET", f"grants?filter=group={group}")["items"]
    assert kept.items() >= {"owner": "ci/test", "tools": ["tools.echo"]}.items()


def test_failed_operation_is_named_and_nothing_is_applied(world: World) -> None:
    user = world.fresh("user")
    answer = send(world, put_user(user), put_group("no such name"), put_group(world.fresh("group")))
    assert (answer.status_code, answer.json()["code"], answer.json()["operation"]) == (400, "AMB-1001", 1)
    assert world.admin.get(f"/v1/admin/users/{user}").status_code == 404
    missing = send(world, put_user(user), {"kind": "remove-member", "group": "nobody", "user": user})
    assert (missing.status_code, missing.json()["operation"]) == (404, 1)
    assert world.admin.get(f"/v1/admin/users/{user}").status_code == 404


def test_each_operation_needs_its_own_right(world: World) -> None:
    issued = world.ask("POST", "admin-keys", {"name": world.fresh("key"), "roles": ["provisioner"]})
    user = world.fresh("user")
    grant = {"kind": "put-grant", "set": {"group": "developers", "mcp": "tools"}}
    key = issued["admin_key"]
    assert send(world, put_user(user), key=key).json() == {"done": 1, "warnings": []}
    refused = send(world, put_user(user, email="new@example.com"), grant, key=key)
    assert (refused.status_code, refused.json()["code"], refused.json()["operation"]) == (403, "AMB-3002", 1)
    assert world.ask("GET", f"users/{user}")["email"] is None


def test_claim_changes_only_objects_without_an_owner(world: World) -> None:
    user, group = world.fresh("user"), world.fresh("group")
    add = {"kind": "add-member", "group": group, "user": user}
    assert send(world, put_user(user), put_group(group), add).is_success
    owners = []
    for change in ({"owner": "ci/a"}, {"owner": "ci/a", "claim": True}, {"owner": "ci/b", "claim": True}):
        assert send(world, {**add, **change}).is_success
        owners.append(world.ask("GET", f"memberships?filter=group={group}")["items"][0]["owner"])
    assert owners == [None, "ci/a", "ci/a"]


@pytest.mark.parametrize(
    "operations",
    [
        [],
        [{"kind": "no-such-kind"}],
        [{"kind": "put-user", "name": "x"}],
        [{"kind": "put-user", "name": "x", "set": {"unknown": 1}}],
        [put_user("x")] * 501,
    ],
)
def test_invalid_batch_is_refused(world: World, operations: list[Any]) -> None:
    answer = send(world, *operations)
    assert (answer.status_code, answer.json()["code"]) == (400, "AMB-1001")
    assert world.admin.get("/v1/admin/users/x").status_code == 404


def test_a_batch_refuses_a_denial_that_matches_nothing_and_warns_where_nothing_is_known(world: World) -> None:
    group, mcp = world.group(), world.fresh("mcp")
    put_mcp = {"kind": "put-mcp", "name": mcp, "set": {"transport": "stdio", "options": {"command": "x"}}}
    denial = {"group": group, "effect": "deny", "tools": ["ecoh"]}
    refused = send(world, put_mcp, {"kind": "put-grant", "set": {**denial, "mcp": "tools"}})
    assert (refused.status_code, refused.json()["operation"]) == (400, 1)
    assert "near: 'echo'" in refused.json()["detail"]
    done = send(world, put_mcp, {"kind": "put-grant", "set": {**denial, "mcp": mcp}})
    assert (done.status_code, len(done.json()["warnings"])) == (200, 1)
    assert "nothing could be checked" in done.json()["warnings"][0]
