"""A provisioner cannot reach people with roles around their user, nor lift a denial; an administrator can."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.end_to_end.world import Person, World, until

Request = tuple[str, str, Any]


@pytest.fixture(scope="module")
def provisioner(world: World) -> Iterator[httpx.Client]:
    issued = world.ask("POST", "admin-keys", {"name": world.fresh("ci"), "roles": ["provisioner"]})
    headers = {"Authorization": f"Bearer {issued['admin_key']}"}
    with httpx.Client(base_url=world.admin.base_url, headers=headers) as client:
        yield client


def send(client: httpx.Client, request: Request) -> httpx.Response:
    method, path, body = request
    return client.request(method, f"/v1/admin/{path}", json=body)


REQUESTS: dict[str, Callable[[World, Person, str], Request]] = {
    "issue a key": lambda _, person, __: ("POST", "keys", {"user": person.name, "name": "more"}),
    "issue a missing key": lambda _, person, __: ("PUT", f"keys/{person.name}/more", {}),
    "rotate a key": lambda _, person, __: ("POST", f"keys/{person.key_id}/rotate", {}),
    "suspend a key": lambda _, person, __: ("PATCH", f"keys/{person.key_id}", {"status": "suspended"}),
    "revoke a key": lambda _, person, __: ("POST", f"keys/{person.key_id}/revoke", None),
    "give a code": lambda _, person, __: ("POST", "enrolments", {"user": person.name, "name": "more"}),
    "select tools": lambda _, person, __: ("PUT", f"subscriptions/{person.key_id}/tools", {"tools": []}),
    "add to a group": lambda world, person, _: ("PUT", f"groups/{world.group()}/members/{person.name}", None),
    "remove from a group": lambda _, person, group: ("DELETE", f"groups/{group}/members/{person.name}", None),
    "delete a group": lambda _, __, group: ("DELETE", f"groups/{group}", None),
    "suspend a group": lambda _, __, group: ("PATCH", f"groups/{group}", {"status": "suspended"}),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_only_who_manages_reaches_a_user_with_roles(
    world: World, provisioner: httpx.Client, what: str
) -> None:
    group = world.group("tools")
    person = world.person(group)
    plain = world.person(group)
    world.ask("PATCH", f"users/{person.name}", {"roles": ["operator"]})
    refused = send(provisioner, REQUESTS[what](world, person, group))
    assert refused.status_code == 403, refused.text
    denied = world.events(outcome="denied")[0]
    assert denied["reason"] == "user_has_roles"
    for client, who in ((world.admin, person), (provisioner, plain)):
        if what not in ("delete a group", "suspend a group"):
            answer = send(client, REQUESTS[what](world, who, group))
            assert answer.is_success, answer.text


@pytest.mark.parametrize("what", ["remove from a group", "delete a group"])
def test_only_who_manages_lifts_a_denial(world: World, provisioner: httpx.Client, what: str) -> None:
    group = world.group()
    world.ask("POST", "grants", {"group": group, "mcp": "tools", "effect": "deny"})
    person = world.person("developers", group)
    request = REQUESTS[what](world, person, group)
    refused = send(provisioner, request)
    assert refused.status_code == 403, refused.text
    assert world.events(outcome="denied")[0]["reason"] == "group_denies"
    assert send(world.admin, request).is_success


def test_only_who_operates_takes_a_member_out_of_a_stopped_group(
    world: World, provisioner: httpx.Client
) -> None:
    group = world.group()
    person = world.person("developers", group)
    body = {"scope": "group", "target": group, "reason": "incident 42"}
    switch = world.ask("POST", "kill-switches", body)
    request = REQUESTS["remove from a group"](world, person, group)
    refused = send(provisioner, request)
    assert refused.status_code == 403, refused.text
    assert world.events(outcome="denied")[0]["reason"] == "group_is_stopped"
    assert world.register(person.key).status_code == 403
    deletion = REQUESTS["delete a group"](world, person, group)
    for client in (provisioner, world.admin):
        assert send(client, deletion).status_code == 409
    assert send(world.admin, request).is_success
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert send(provisioner, deletion).is_success


def test_first_role_cancels_the_codes_that_were_given_before(world: World, provisioner: httpx.Client) -> None:
    person, other = world.person(), world.person()
    codes = {}
    for name in (person.name, other.name):
        given = send(provisioner, ("POST", "enrolments", {"user": name, "name": "more"}))
        codes[name] = given.json()["code"]
    world.ask("PATCH", f"users/{person.name}", {"roles": ["admin"]})
    refused = world.http.post("/v1/enrol", json={"code": codes[person.name]})
    assert refused.status_code == 401, refused.text
    cancelled = until(lambda: world.events(action="admin:enrolment:cancel"), "the event is found")
    assert cancelled[0]["details"]["user"] == person.name
    assert world.http.post("/v1/enrol", json={"code": codes[other.name]}).status_code == 201
    # A further role changes nothing: who gives a code to a user with roles may do so.
    given = world.ask("POST", "enrolments", {"user": person.name, "name": "more"})
    world.ask("PATCH", f"users/{person.name}", {"roles": ["admin", "operator"]})
    assert world.http.post("/v1/enrol", json={"code": given["code"]}).status_code == 201
