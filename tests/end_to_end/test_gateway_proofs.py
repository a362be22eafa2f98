"""What a gateway proves itself with is read again, and `/ready`, the log and `check` tell what of it cannot be used."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from ambassador_protocol.gateway_signature import SIGNATURE_HEADER
from tests.authorities import HOUR, Authority, pem
from tests.end_to_end.faces import MODERN
from tests.end_to_end.gateways import SECRET, GatewayCaller, as_sent_by_users, identity, signature
from tests.end_to_end.test_gateway import authority, edge, gateway_url, group, revoked, rig, world
from tests.end_to_end.world import World, assert_nothing_internal, until

__all__ = ["authority", "edge", "gateway_url", "group", "revoked", "rig", "world"]
OTHER = "another secret of the gateway and this server"


@pytest.fixture
def user(world: World, group: str) -> dict[str, str]:
    """Return the headers that the gateway signs for a user."""
    return identity(f"{world.fresh('user')}@acme.example", "eng")


@pytest.fixture
def secret(world: World) -> Iterator[Path]:
    """Return the file of the secret, which is there again after the test."""
    file = world.rig.directory / "secret"
    yield file
    file.write_text(SECRET)
    until(lambda: is_usable(world), "the gateway can prove itself again")


def is_usable(world: World) -> bool:
    answer = world.http.get("/ready")
    assert answer.status_code == 200, "other ways in do not need the gateway"
    assert_nothing_internal(answer.text)
    usable: bool = answer.json()["gateway"]
    return usable


def status(world: World, user: dict[str, str], secret: str) -> int:
    wire = as_sent_by_users(MODERN.call("", "tools__echo", {"text": "hello"}))
    signed = {SIGNATURE_HEADER: signature(wire, user, secret=secret)}
    return world.http.post(
        wire.path, headers={**wire.headers, **user, **signed}, content=wire.body
    ).status_code


def check(world: World, expect: int) -> str:
    words = ("--data-dir", str(world.rig.data_dir), "--config", str(world.rig.directory / "server.yaml"))
    done = world.rig.run("ambassador-server", "check", *words, "--json", expect=expect)
    found: str = json.loads(done.stdout)["gateway"]["detail"]
    return found


def test_a_secret_that_is_replaced_is_good_without_a_restart(
    world: World, user: dict[str, str], secret: Path
) -> None:
    wire = as_sent_by_users(MODERN.listing(""))
    used = {**wire.headers, **user, SIGNATURE_HEADER: signature(wire, user)}
    assert world.http.post(wire.path, headers=used, content=wire.body).status_code == 200
    secret.write_text(OTHER)
    until(lambda: status(world, user, OTHER) == 200, "the other secret is good")
    assert status(world, user, SECRET) == 401
    secret.write_text(SECRET)
    until(lambda: status(world, user, SECRET) == 200, "the first secret is good again")
    again = world.http.post(wire.path, headers=used, content=wire.body)
    assert again.status_code == 401
    reasons = [event["reason"] for event in world.events(action="session:gateway:refuse")]
    assert {"signature_replayed", "signature_wrong"} <= {*reasons}


@pytest.mark.parametrize("content", [None, "short", f"{SECRET}\nand another line"])
def test_a_secret_that_cannot_be_used_refuses_signatures_and_is_told(
    world: World, user: dict[str, str], secret: Path, edge: httpx.Client, content: str | None
) -> None:
    assert is_usable(world)
    if content is None:
        secret.unlink()
    else:
        secret.write_text(content)
    until(lambda: not is_usable(world), "the gateway cannot prove itself")
    assert status(world, user, SECRET) == 401
    assert status(world, user, content or "") == 401
    assert GatewayCaller(edge, user).call(MODERN, "tools__echo", {"text": "hello"}).succeeded, (
        "its certificate"
    )
    log = world.log_text()
    assert "the gateway cannot prove itself: gateway.secrets: " in log
    assert SECRET not in log
    assert "gateway.secrets" in check(world, expect=1)


def write(directory: Path, names: Sequence[str], contents: Sequence[str]) -> None:
    for name, content in zip(names, contents, strict=True):
        (directory / name).write_text(content)


def test_authorities_and_lists_that_have_expired_are_told(
    world: World, authority: Authority, user: dict[str, str], group: str
) -> None:
    directory = world.rig.directory
    names = ("authority.pem", "revoked.pem")
    good = [(directory / name).read_text() for name in names]
    gone = Authority("Gateways", ends=-HOUR / 2)
    for contents, words in (
        ((gone.pem, pem(gone.revocations()).decode()), "have expired"),
        ((authority.pem, pem(authority.revocations(ends=-HOUR / 2)).decode()), "a revocation list in"),
    ):
        assert is_usable(world)
        write(directory, names, contents)
        until(lambda: not is_usable(world), "the gateway cannot prove itself")
        assert words in check(world, expect=1)
        assert words in world.log_text()
        write(directory, names, good)
        until(lambda: is_usable(world), "the gateway can prove itself again")
    assert status(world, user, SECRET) == 200


def test_a_server_without_a_gateway_says_nothing_of_one(world: World, tmp_path: Path) -> None:
    (tmp_path / "server.yaml").write_text("{}")
    words = ("--data-dir", str(world.rig.data_dir), "--config", str(tmp_path / "server.yaml"), "--json")
    assert "gateway" not in json.loads(world.rig.run("ambassador-server", "check", *words).stdout)
