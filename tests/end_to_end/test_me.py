"""Users see and change their own access with their own key, and cannot widen it."""

from typing import Any

import httpx
import pytest

from tests.end_to_end.world import Caller, Person, World, assert_refused, assert_works


def ask(world: World, secret: str, method: str, path: str, body: Any = None) -> httpx.Response:
    """Send a request to `/v1/me`."""
    return world.http.request(
        method, f"/v1/me{path}", json=body, headers={"Authorization": f"Bearer {secret}"}
    )


def rotate(world: World, secret: str, **members: Any) -> httpx.Response:
    """Replace a key, authenticated by itself."""
    return ask(world, secret, "POST", "/key/rotate", {"preshared_key": secret, **members})


def test_me_shows_the_user_for_a_key_and_for_a_session(world: World) -> None:
    person = world.person()
    me = ask(world, person.key, "GET", "").json()
    assert (me["user"], me["groups"], me["key"]["id"]) == (person.name, ["developers"], person.key_id)
    assert (me["session"], me["refused"]) == (None, None)
    assert me["tools"] > 0
    caller = world.session(person)
    me = world.http.get("/v1/me", headers={"X-Session-Token": caller.secret}).json()
    assert (me["session"]["id"], me["session"]["friendly_name"]) == (caller.session_id, "laptop")
    assert "digest" not in str(me)


@pytest.mark.parametrize("secret", ["x", "amb_pk_" + "A" * 48, "amb_st_" + "A" * 100])
def test_request_without_a_valid_secret_is_refused(world: World, secret: str) -> None:
    for method, path in (
        ("GET", ""),
        ("POST", "/key/rotate"),
        ("GET", "/catalog"),
        ("PUT", "/subscriptions/tools"),
    ):
        assert ask(world, secret, method, path, {}).status_code == 401


def test_key_can_be_rotated_again_until_the_new_key_is_used(world: World) -> None:
    person = world.person()
    first = rotate(world, person.key, overlap_seconds=3600)
    assert first.status_code == 201, first.text
    second = rotate(world, person.key).json()
    assert world.register(first.json()["preshared_key"]).status_code == 401
    assert_works(Caller(world.http, person.key))
    assert_works(Caller(world.http, second["preshared_key"]))
    assert rotate(world, person.key).status_code == 409
    event = world.events(action="admin:key:rotate", user=person.name)[0]
    assert (event["actor"]["kind"], event["actor"]["name"]) == ("user", person.name)
    assert second["preshared_key"] not in str(world.events())


def test_session_token_alone_never_becomes_a_key(world: World) -> None:
    person, other = world.person(), world.person()
    session = {"X-Session-Token": world.session(person).secret}
    for body in ({}, {"preshared_key": other.key}, {"preshared_key": session["X-Session-Token"]}):
        refused = world.http.post("/v1/me/key/rotate", json=body, headers=session)
        assert refused.status_code == (400 if not body else 401), refused.text
        assert "amb_pk_" not in refused.text
    rotated = world.http.post("/v1/me/key/rotate", json={"preshared_key": person.key}, headers=session)
    assert rotated.status_code == 201


def test_revoking_a_stolen_key_revokes_what_the_thief_made_of_it(world: World) -> None:
    person = world.person()
    second = rotate(world, person.key).json()["preshared_key"]
    assert_works(Caller(world.http, second))
    third = rotate(world, second).json()["preshared_key"]
    assert_works(Caller(world.http, third))
    world.ask("POST", f"keys/{person.key_id}/revoke")
    for secret in (person.key, second, third):
        assert world.register(secret).status_code == 401
    revoked = world.events(action="admin:key:revoke")
    ours = [event["details"].get("replacement_of") for event in revoked[:3]]
    assert sorted(map(str, ours)) == sorted([str(None), person.key_id, person.key_id])


def test_replacement_can_be_kept_when_its_predecessor_is_revoked(world: World) -> None:
    person = world.person()
    second = rotate(world, person.key).json()["preshared_key"]
    world.ask("POST", f"keys/{person.key_id}/revoke?keep_replacements=true")
    assert world.register(person.key).status_code == 401
    assert_works(Caller(world.http, second))


def test_number_of_usable_keys_that_replaced_each_other_is_bounded(world: World) -> None:
    person = world.person()
    secret = person.key
    for _ in range(4):
        secret = rotate(world, secret, overlap_seconds=86400).json()["preshared_key"]
        assert_works(Caller(world.http, secret))
    assert rotate(world, secret).status_code == 409


def test_user_cannot_prolong_a_key_by_rotating_it(world: World) -> None:
    person = world.person(lasts=3600)
    (before,) = [each for each in world.ask("GET", "keys")["items"] if each["id"] == person.key_id]
    secret = person.key
    for _ in range(3):
        rotated = rotate(world, secret, overlap_seconds=86400).json()
        assert rotated["key"]["expires_at"] == before["expires_at"]
        assert rotated["old_key_ends_at"] <= before["expires_at"]
        secret = rotated["preshared_key"]
        assert_works(Caller(world.http, secret))


def test_kill_switch_and_user_status_apply_to_every_change(world: World) -> None:
    person = world.person()
    switch = world.ask("POST", "kill-switches", {"scope": "user", "target": person.name, "reason": "x"})
    changes = (("POST", "/key/rotate"), ("PUT", "/subscriptions/tools"), ("DELETE", "/subscriptions/tools"))
    for method, path in changes:
        body = {"preshared_key": person.key} if path == "/key/rotate" else {}
        assert ask(world, person.key, method, path, body).status_code == 403
    me = ask(world, person.key, "GET", "").json()
    assert me["refused"] == "kill_switch"
    assert me["stops"] == [{"scope": "user", "target": None, "message": "x"}]
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
    caller = world.session(person)
    world.ask("PATCH", f"users/{person.name}", {"status": "suspended"})
    for method, path in changes:
        body = {"preshared_key": person.key} if path == "/key/rotate" else {}
        assert ask(world, caller.secret, method, path, body).status_code == 401
    assert ask(world, caller.secret, "GET", "").json()["refused"] == "user_not_active"


def test_subscription_changes_only_the_key_of_the_request(world: World) -> None:
    group = world.group()
    world.ask("PUT", "grants", {"group": group, "mcp": "tools", "tools": ["*"], "delivery": "opt_in"})
    person = world.person(group)
    other = world.ask("POST", "keys", {"user": person.name, "name": "desktop"})["preshared_key"]
    caller = world.session(person)
    assert_refused(caller, "not_subscribed")
    (offered,) = ask(world, person.key, "GET", "/catalog").json()["mcps"]
    assert (offered["name"], offered["delivery"], offered["subscribed"]) == ("tools", "opt_in", False)
    assert {tool["refused"] for tool in offered["tools"]} == {"not_subscribed"}
    chosen = ask(world, person.key, "PUT", "/subscriptions/tools", {"tools": ["echo"]})
    assert (chosen.status_code, chosen.json()["selected"]) == (200, ["tools.echo"])
    assert_works(caller)
    assert_refused(caller, "not_selected", tool="tools__params")
    assert_refused(Caller(world.http, other), "not_subscribed")
    assert ask(world, person.key, "DELETE", "/subscriptions/tools").status_code == 204
    assert_refused(caller, "not_subscribed")
    assert ask(world, person.key, "DELETE", "/subscriptions/tools").status_code == 404


def test_no_selection_widens_the_grants(world: World) -> None:
    group = world.group()
    world.ask("PUT", "grants", {"group": group, "mcp": "tools", "tools": ["params"]})
    person: Person = world.person(group)
    for patterns in (["*"], ["echo"], ["tools.*", "params"]):
        body = {"tools": patterns, "allow_unmatched": True}
        assert ask(world, person.key, "PUT", "/subscriptions/tools", body).status_code == 200
        assert_refused(world.session(person), "Unknown tool")
    (offered,) = ask(world, person.key, "GET", "/catalog").json()["mcps"]
    assert [tool["name"] for tool in offered["tools"]] == ["tools.params"]


def test_mcp_without_a_grant_is_answered_like_an_unknown_one(world: World) -> None:
    stranger = world.person(world.group())
    assert ask(world, stranger.key, "GET", "/catalog").json() == {"mcps": []}
    answers = [ask(world, stranger.key, "PUT", f"/subscriptions/{name}", {}) for name in ("tools", "nothing")]
    assert [answer.status_code for answer in answers] == [404, 404]
    first, second = (answer.json()["message"] for answer in answers)
    assert first.replace("tools", "nothing") == second


@pytest.mark.parametrize(
    "body", [{"tools": ["a b"]}, {"tools": ["t"] * 101}, {"tool": ["t"]}, {"tools": "echo"}]
)
def test_invalid_selection_is_refused(world: World, body: Any) -> None:
    assert ask(world, world.person().key, "PUT", "/subscriptions/tools", body).status_code == 400
