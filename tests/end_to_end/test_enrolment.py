"""A one-time code is exchanged for a key once, before it expires, for an active user; guessing is throttled."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.world import (
    GROUP,
    Caller,
    Downstream,
    World,
    assert_nothing_internal,
    assert_works,
    running,
)
from tests.patience import PATIENCE
from tests.rig import Rig

ALLOWED = 5
WRONG = "AAAA-BBBB-CCCC"


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server that permits few failed attempts."""
    with running(directory, prepared, limits={"failed_logins": f"{ALLOWED}/hour"}) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


def user(world: World) -> str:
    name = world.fresh("person")
    world.ask("POST", "users", {"name": name})
    world.ask("PUT", f"groups/{GROUP}/members/{name}")
    return name


def code_for(world: World, name: str, **more: int) -> str:
    return str(world.ask("POST", "enrolments", {"user": name, "name": "laptop", **more})["code"])


def redeem(world: World, code: str, address: str = "127.0.0.1") -> httpx.Response:
    """Try to redeem a code from a loopback address."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=PATIENCE) as client:
        return client.post(f"{world.rig.client_url}/v1/enrol", json={"code": code})


def test_code_of_the_command_becomes_a_key_that_works(world: World) -> None:
    name = user(world)
    issued = world.rig.admin_json("key", "enrol", name, "--name", "desk", "--key-for", "90d")
    assert (issued["user"], issued["name"], len(issued["code"])) == (name, "desk", 14)
    answer = redeem(world, issued["code"].lower())
    assert answer.status_code == 201, answer.text
    assert (answer.json()["user"], answer.json()["key"]["name"]) == (name, "desk")
    assert answer.json()["key"]["expires_at"] is not None
    assert_works(Caller(world.http, answer.json()["preshared_key"]))


def test_code_is_redeemed_only_once(world: World) -> None:
    code = code_for(world, user(world))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: redeem(world, code, f"127.0.1.{number}"), range(1, 5)))
    assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401]
    late = redeem(world, code, "127.0.1.9")
    assert (late.status_code, late.json()["code"]) == (401, "AMB-2001")
    assert_nothing_internal(late.text)


def test_suspended_user_gets_no_key(world: World) -> None:
    name = user(world)
    code = code_for(world, name)
    world.ask("PATCH", f"users/{name}", {"status": "suspended"})
    refused = redeem(world, code, "127.0.2.1")
    assert refused.status_code == 401
    assert refused.json()["message"] == redeem(world, WRONG, "127.0.2.2").json()["message"]
    world.ask("PATCH", f"users/{name}", {"status": "active"})
    assert redeem(world, code, "127.0.2.3").status_code == 201


def test_kill_switch_blocks_a_code_that_stays_valid(world: World) -> None:
    name = user(world)
    code = code_for(world, name)
    switch = world.ask("POST", "kill-switches", {"scope": "user", "target": name, "reason": "lost laptop"})
    stopped = redeem(world, code)
    assert (stopped.status_code, stopped.json()["code"]) == (403, "AMB-3001")
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert redeem(world, code).status_code == 201


def test_address_that_guesses_codes_is_throttled_and_others_are_not(world: World) -> None:
    code, address = code_for(world, user(world)), "127.0.3.1"
    guesses = [redeem(world, WRONG, address).status_code for _ in range(ALLOWED * 2)]
    assert guesses == [401] * ALLOWED + [429] * ALLOWED
    waiting = redeem(world, code, address)
    assert (waiting.status_code, waiting.json()["code"]) == (429, "AMB-2003")
    assert 0 < int(waiting.headers["Retry-After"]) <= 3600
    assert redeem(world, code, "127.0.3.2").status_code == 201


def test_audit_and_stored_files_contain_no_code_and_no_key(world: World) -> None:
    name = user(world)
    code = code_for(world, name)
    secret = redeem(world, code).json()["preshared_key"]
    (redeemed,) = world.events(action="session:key:redeem", outcome="succeeded", user=name)
    assert redeemed["actor"]["name"] == name
    (enrolled,) = [each for each in world.events(action="admin:key:enrol") if each["details"]["user"] == name]
    assert enrolled["details"]["key_seconds"] is None
    files = [path for path in world.rig.data_dir.rglob("*") if path.is_file() and path.parent.name != "keys"]
    for content in (path.read_bytes() for path in files):
        assert code.encode() not in content
        assert code.replace("-", "").encode() not in content
        assert secret.encode() not in content


def test_open_codes_are_listed_without_the_code_and_cancelled(world: World) -> None:
    name = user(world)
    codes = [code_for(world, name) for _ in range(3)]
    assert redeem(world, codes[0]).is_success
    listed = world.rig.admin_json("enrolment", "list", "--user", name)
    assert [(each["user"], each["name"]) for each in listed] == [(name, "laptop")] * 2
    assert not any(code in json.dumps(listed) for code in codes)
    world.rig.admin("enrolment", "cancel", listed[0]["id"][:-1], "--yes")
    answers = [redeem(world, code).is_success for code in codes[1:]]
    assert sorted(answers) == [False, True]
    assert world.rig.admin_json("enrolment", "list", "--user", name) == []
    world.rig.admin("enrolment", "cancel", listed[0]["id"], "--yes", expect=5)
    assert world.admin.delete(f"/v1/admin/enrolments/{listed[1]['id']}").status_code == 409


@pytest.mark.parametrize(
    "body", [{}, {"code": 1}, {"code": ""}, {"code": WRONG, "user": "root"}, {"code": "x" * 2000}, []]
)
def test_invalid_bodies_are_refused(world: World, body: object) -> None:
    answer = world.http.post("/v1/enrol", json=body)
    assert answer.status_code in (400, 401, 413, 429)
    assert_nothing_internal(answer.text)


@pytest.mark.parametrize("seconds", [1, 86401])
def test_code_lasts_from_a_minute_to_a_day(world: World, seconds: int) -> None:
    body = {"user": user(world), "name": "laptop", "expires_in_seconds": seconds}
    assert world.admin.post("/v1/admin/enrolments", json=body).status_code == 400
