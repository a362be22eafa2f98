"""What explains access counts tokens: it says of a token what a call with it does, and whom a switch stops."""

from typing import Any

import pytest

from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.test_access_tokens import issuer, mapped, token, user
from tests.end_to_end.world import Caller, World

__all__ = ["issuer", "user"]


def explained(world: World, user: str, *groups: str) -> Any:
    claimed = "".join(f"&claimed_group={each}" for each in groups)
    return world.ask("GET", f"access/explain?user={user}&tool=tools.echo&issuer=realm{claimed}")


def refusal(world: World, method: str, path: str, body: Any = None, *, status: int = 400) -> str:
    response = world.admin.request(method, f"/v1/admin/{path}", json=body)
    assert response.status_code == status
    return str(response.json()["message"])


@pytest.mark.parametrize("face", FACES, ids=str)
def test_an_explanation_is_what_a_call_with_the_token_does(
    world: World, issuer: dict[str, Any], user: str, face: Face
) -> None:
    group = mapped(world, issuer, "eng", "tools")
    said: dict[str, Any] = {}
    for groups in ([], ["eng"], ["ops"], ["ops", "eng"]):
        said = explained(world, user, *groups)
        caller = Caller(world.http, token(user, *groups))
        assert caller.call(face, "tools__echo", {"text": "hello"}).succeeded is said["allowed"]
        asked = "".join(f"&claimed_group={each}" for each in groups)
        listed = world.ask("GET", f"access/tools?user={user}&issuer=realm{asked}")["items"]
        assert [each["published_as"] for each in listed] == sorted(caller.names(face))
        assert [each["keys"] for each in listed] == [[]] * len(listed)
        assert said["claimed_groups"] == [
            {"claimed": each, "group": group if each == "eng" else None} for each in groups
        ]
        assert (said["key"], said["issuer"]) == (None, "realm")
    assert [(step["kind"], step["name"]) for step in said["path"][:3]] == [
        ("user", user),
        ("issuer", "realm"),
        ("group", group),
    ]
    assert explained(world, user, "ops")["reason"] == "no_grant"


def test_users_whom_the_issuer_cannot_name_are_no_question(world: World, issuer: dict[str, Any]) -> None:
    local = world.fresh("user")
    world.ask("POST", "users", {"name": local})
    about = f"access/explain?user={local}&tool=tools.echo"
    assert "is local" in refusal(world, "GET", f"{about}&issuer=realm")
    assert "realm" in refusal(world, "GET", f"{about}&issuer=reaml", status=404)
    assert "issuer" in refusal(world, "GET", f"{about}&claimed_group=eng")
    assert "not both" in refusal(world, "GET", f"{about}&issuer=realm&key=laptop")
    for kind in ("tools", "resources", "prompts"):
        about = f"access/{kind}?user={local}"
        assert "is local" in refusal(world, "GET", f"{about}&issuer=realm")
        assert "realm" in refusal(world, "GET", f"{about}&issuer=reaml", status=404)
        assert "not both" in refusal(world, "GET", f"{about}&issuer=realm&key=laptop")


def test_who_can_counts_users_and_groups_of_tokens(world: World, issuer: dict[str, Any], user: str) -> None:
    group = mapped(world, issuer, "eng", "tools")
    (claim,) = [
        each for each in world.ask("GET", "access/claims?tool=tools.echo")["items"] if each["group"] == group
    ]
    assert claim == {"issuer": "realm", "claimed": "eng", "group": group, "constrained": False}
    who = f"access/who-can?tool=tools.*&filter=name={user}"
    assert world.ask("GET", who)["items"] == []
    world.ask("PUT", f"groups/{group}/members/{user}")
    (found,) = world.ask("GET", who)["items"]
    assert found["issuers"] == ["realm"]
    assert Caller(world.http, token(user)).names(FACES[0]), "membership here suffices, as it says"


def test_the_preview_of_a_switch_counts_clients_with_tokens(
    world: World, issuer: dict[str, Any], user: str
) -> None:
    group = mapped(world, issuer, "eng", "tools")
    one = {"scope": "group", "target": group, "reason": "drill", "drill": True}

    def preview() -> Any:
        drill = world.ask("POST", "kill-switches", one)
        world.ask("POST", f"kill-switches/{drill['id']}/lift")
        return drill["impact"]

    before = preview()
    assert (before["token_clients"], before["users"]["first"]) == (0, [])
    for client in ("ide", "ide", "web"):
        assert Caller(world.http, token(user, "eng", client_id=client)).names(FACES[0])
    Caller(world.http, token(user, "ops", client_id="other")).names(FACES[0])
    after = preview()
    assert (after["token_clients"], after["users"]["first"]) == (2, [user])
    assert "tools.echo" in after["tools"]["first"]


def test_a_binding_is_shown_and_can_be_ended(world: World, issuer: dict[str, Any]) -> None:
    world.ask("PUT", "issuers/realm", {**issuer, "creates_users": True})
    name = world.fresh("user")
    first, second = token(name, sub="first account"), token(name, sub="second account")
    assert Caller(world.http, first).send(FACES[0].call(first, "x__y", {})).status_code != 401
    shown = world.ask("GET", f"users/{name}")
    assert (shown["issuer"], shown["subject"]) == (issuer["url"], "first account")
    assert Caller(world.http, second).send(FACES[0].call(second, "x__y", {})).status_code == 401
    assert "only a token" in refusal(world, "PATCH", f"users/{name}", {"subject": "second account"})
    ended = world.ask("PATCH", f"users/{name}", {"subject": ""})
    assert (ended["issuer"], ended["subject"], ended["source"]) == (None, None, "external")
    assert Caller(world.http, second).send(FACES[0].call(second, "x__y", {})).status_code != 401
