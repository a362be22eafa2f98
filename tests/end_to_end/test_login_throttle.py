"""An address that guesses keys is throttled, without locking out users with valid keys."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.faces import MCP_FACES
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, assert_works, running
from tests.patience import PATIENCE
from tests.rig import Rig

ALLOWED = 5
WRONG_KEY, WRONG_ADMIN_KEY = "amb_pk_" + "A" * 48, "amb_ak_" + "A" * 48


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server that permits few failed attempts."""
    with running(directory, prepared, limits={"failed_logins": f"{ALLOWED}/hour"}) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


def assert_throttled(answers: list[httpx.Response]) -> None:
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses == sorted(statuses), "once slow, always slow"
    assert statuses.count(401) <= ALLOWED
    last = answers[-1]
    assert 0 < int(last.headers["Retry-After"]) <= 3600
    assert last.json()["error"] == "rate_limit_exceeded"
    assert_nothing_internal(last.text)


def test_guessing_is_throttled_on_every_face_and_valid_secrets_still_work(world: World) -> None:
    person, caller = world.person(), world.caller()
    registrations = [world.register(WRONG_KEY) for _ in range(ALLOWED * 2)]
    assert_throttled(registrations)
    for era in MCP_FACES:
        assert Caller(world.http, WRONG_KEY).call(era, "tools__echo").status == 429
    admin = world.rig.admin_url + "/v1/admin/whoami"
    guesses = [
        httpx.get(admin, headers={"X-Admin-Key": WRONG_ADMIN_KEY}, trust_env=False)
        for _ in range(ALLOWED * 2)
    ]
    assert guesses[-1].status_code == 429
    assert_works(caller)
    assert_works(world.session(person))
    assert_works(Caller(world.http, person.key))
    assert world.ask("GET", "whoami")["name"]


def test_failed_attempts_are_recorded_without_the_key(world: World) -> None:
    world.register(WRONG_KEY)
    refused = world.events(action="session:client:refuse")
    assert 0 < len(refused) <= ALLOWED
    assert all(WRONG_KEY not in str(event) for event in refused)


PASSWORD, WRONG_PASSWORD = "correct horse battery", "wrong horse battery"
AT_ONCE = 2


def officer(world: World) -> str:
    """Create a user who may log in as an administrator."""
    name = world.fresh("officer")
    world.ask("PUT", f"users/{name}", {"roles": ["operator"]})
    world.ask("PUT", f"users/{name}/password", {"password": PASSWORD})
    return name


def log_in(world: World, name: str, password: str, address: str) -> httpx.Response:
    """Try to log in from a loopback address."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=PATIENCE) as client:
        body = {"user": name, "password": password}
        return client.post(f"{world.rig.admin_url}/v1/admin/login", json=body)


def test_concurrent_password_guesses_are_throttled(world: World) -> None:
    name, address = officer(world), "127.0.0.11"
    with ThreadPoolExecutor(ALLOWED * 4) as pool:
        answers = list(
            pool.map(
                lambda number: log_in(world, name, f"{WRONG_PASSWORD} {number}", address), range(ALLOWED * 4)
            )
        )
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= ALLOWED + AT_ONCE - 1
    late = log_in(world, name, PASSWORD, address)
    assert (late.status_code, late.json()["code"]) == (429, "AMB-2003")
    assert 0 < int(late.headers["Retry-After"]) <= 3600
    assert world.ask("GET", "whoami")["name"]


def test_guesses_from_another_address_lock_no_user_out(world: World) -> None:
    name, home, elsewhere = officer(world), "127.0.0.21", "127.0.0.22"
    assert log_in(world, name, PASSWORD, home).status_code == 201
    guesses = [log_in(world, name, WRONG_PASSWORD, elsewhere) for _ in range(ALLOWED + 2)]
    assert_throttled(guesses)
    assert log_in(world, name, PASSWORD, elsewhere).status_code == 429
    assert log_in(world, name, PASSWORD, home).status_code == 201


def test_wrong_keys_from_an_address_keep_no_administrator_out(world: World) -> None:
    name, address = officer(world), "127.0.0.41"
    body = {"preshared_key": WRONG_KEY, "friendly_name": "laptop", "host_tool": "cli"}
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=PATIENCE) as client:
        url = f"{world.rig.client_url}/v1/sessions/register"
        assert_throttled([client.post(url, json=body) for _ in range(ALLOWED + 2)])
    assert log_in(world, name, PASSWORD, address).status_code == 201


def test_guesses_of_many_names_from_one_address_are_throttled(world: World) -> None:
    guesses = [log_in(world, f"name-{number}", PASSWORD, "127.0.0.31") for number in range(ALLOWED + 2)]
    assert_throttled(guesses)
