"""A certificate that is revoked on one server is refused and cut off on the other; a list of one server is its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.authorities import Identity, pem
from tests.end_to_end.faces import FACES, LEGACY, MODERN, Face
from tests.end_to_end.test_client_certificates import PEOPLE, RULES, Door, named
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.two_servers import DATABASES, two_servers
from tests.end_to_end.world import GROUP, Downstream, until


def crl_file(directory: Path, name: str) -> Path:
    return directory / f"{name}.crl"


@pytest.fixture(params=DATABASES, scope="module")
def doors(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tools: Downstream
) -> Iterator[tuple[Door, Door]]:
    """Run two servers on one database that ask for certificates, each with a revocation list of its own."""
    directory = tmp_path_factory.mktemp("replicas")
    (directory / "people.pem").write_text(PEOPLE.pem)

    def own(name: str) -> dict[str, Any]:
        crl_file(directory, name).write_bytes(pem(PEOPLE.revocations()))
        files = {"ca_file": str(directory / "people.pem"), "crl_file": str(crl_file(directory, name))}
        section = {"mode": "optional", **files}
        return {"client_certificates": section, "admin_client_certificates": section}

    limits = {"failed_logins": "1000/minute"}
    with two_servers(directory, request.param, tls=True, own=own, limits=limits) as (here, there):
        here.ask("POST", "groups", {"name": GROUP})
        here.publish("tools", "streamable_http", {"url": tools.url})
        here.ask("PUT", "issuers/people", RULES)
        until(lambda: there.ask("GET", "issuers")["items"], "the other server has read the issuer")
        doors = tuple(
            Door(world, directory / name, None, crl_file(directory, name))  # type: ignore[arg-type]
            for world, name in ((here, "first"), (there, "second"))
        )
        yield doors[0], doors[1]
        for each in doors:
            for client in each.opened:
                client.close()


def accepted_by(door: Door, who: Identity) -> Any:
    """Return a caller whom this server knows by now."""
    caller = door.caller(who)
    until(lambda: "tools__echo" in _names(caller, LEGACY), "the server knows the user and the tools")
    return caller


def _names(caller: Any, face: Face) -> list[str]:
    return caller.names(face) if caller.send(face.listing("")).status_code == 200 else []


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_what_one_server_revokes_is_refused_and_cut_off_on_the_other(
    doors: tuple[Door, Door], face: Face
) -> None:
    here, there = doors
    who, other = (named(here.user()) for _ in range(2))
    running_caller, caller, bystander = (accepted_by(there, each) for each in (who, who, other))
    local = accepted_by(here, who)
    with slow_call(there.world, running_caller, face) as running:
        words = ("certificate", "revoke", who.serial, "--issuer", "people")
        here.world.rig.admin(*words)
        assert running.result().failed
    until(lambda: caller.send(face.listing("")).status_code == 401, "the other server refuses it")
    for each in FACES:
        for asked in (caller, local, there.caller(who)):
            response = asked.send(each.call("", "tools__echo", {"text": "must not run"}))
            assert (response.status_code, "revoked" in response.text) == (401, True)
    assert bystander.call(face, "tools__echo", {"text": "x"}).succeeded
    # Also what the other restores holds here.
    there.world.rig.admin("certificate", "restore", who.serial, "--issuer", "people", "--yes")
    until(lambda: caller.send(face.listing("")).status_code == 200, "there it is believed again")
    until(lambda: local.send(face.listing("")).status_code == 200, "here it is believed again")


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_a_new_list_on_one_server_holds_on_that_server_alone(doors: tuple[Door, Door], face: Face) -> None:
    here, there = doors
    who, other = (named(here.user()) for _ in range(2))
    local, running_caller, bystander = (
        accepted_by(door, each) for door, each in ((here, who), (there, who), (there, other))
    )
    with slow_call(here.world, local, face) as kept, slow_call(there.world, running_caller, face) as cut:
        replace(there.crl_file, who)
        with pytest.raises(httpx.HTTPError):
            cut.result()
        assert not kept.done()
        assert there.caller(who).send(face.listing("")).status_code == 401
        assert here.caller(who).call(face, "tools__echo", {"text": "the other list is older"}).succeeded
        assert bystander.call(face, "tools__echo", {"text": "x"}).succeeded
        replace(here.crl_file, who)
        with pytest.raises(httpx.HTTPError):
            kept.result()
    refused = here.caller(who).send(face.listing(""))
    assert (refused.status_code, "(revoked)" in refused.text) == (401, True)
    for door in doors:
        replace(door.crl_file)
    for door in doors:
        until(lambda door=door: _names(door.caller(who), face), "the list forgives it")


def replace(file: Path, *revoked: Identity) -> None:
    """Replace a revocation list, as programs that fetch them do."""
    new = file.with_suffix(".new")
    new.write_bytes(pem(PEOPLE.revocations(*revoked)))
    new.replace(file)


def test_administrators_too_are_refused_everywhere(doors: tuple[Door, Door]) -> None:
    here, there = doors
    who = named(here.user(roles=["operator"]))
    admins = [door.client(who, admin=True) for door in doors]
    for admin in admins:
        until(lambda admin=admin: _status(admin) == 200, "the server knows the administrator")
    there.world.rig.admin("certificate", "revoke", who.serial, "--issuer", "people")
    for admin in admins:
        until(lambda admin=admin: _status(admin) == 401, "the certificate is refused")


def _status(admin: httpx.Client) -> int:
    return admin.get("/v1/admin/users").status_code
