"""A client certificate is a way in on every face and for administrators, and ends with all that it stands for."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.authorities import Authority, Identity, email, pem, uri
from tests.end_to_end.faces import FACES, LEGACY, MODERN, Face, Wire
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import GROUP, Caller, Downstream, World, assert_nothing_internal, end, until
from tests.patience import PATIENCE
from tests.rig import Rig

PEOPLE, OTHERS = Authority("People"), Authority("Others")


@dataclass(frozen=True, slots=True)
class Bearer(Caller):
    """A caller who presents a certificate, and no secret unless one is given."""

    def send(self, wire: Wire) -> httpx.Response:
        kept = {name: value for name, value in wire.headers.items() if self.secret or not _is_secret(name)}
        return Caller.send(self, Wire(wire.method, wire.path, kept, wire.body))


def _is_secret(name: str) -> bool:
    return name.lower() in ("authorization", "x-session-token")


@dataclass
class Door:
    """A server that asks for certificates on both APIs."""

    world: World
    directory: Path
    trust: ssl.SSLContext
    crl_file: Path
    opened: list[httpx.Client] = field(default_factory=list)

    def client(self, who: Identity | None, *, admin: bool = False) -> httpx.Client:
        """Return a client with this certificate and no key."""
        context = ssl.create_default_context(cafile=self.world.rig.facts["ca_file"])
        if who is not None:
            context.load_cert_chain(*who.files(self.directory, f"client-{len(self.opened)}"))
        url = self.world.rig.admin_url if admin else self.world.rig.client_url
        client = httpx.Client(base_url=url, verify=context, trust_env=False, timeout=PATIENCE)
        self.opened.append(client)
        return client

    def caller(self, who: Identity, secret: str = "") -> Bearer:
        return Bearer(self.client(who), secret)

    def user(self, **fields: Any) -> str:
        """Return a new user whom certificates may name."""
        name = self.world.fresh("user")
        self.world.ask("POST", "users", {"name": name, "source": "external", **fields})
        if not fields:
            self.world.ask("PUT", f"groups/{GROUP}/members/{name}")
        return name

    def refusals(self) -> set[str]:
        return {event["reason"] for event in self.world.events(action="session:token:refuse")}


@pytest.fixture(scope="module")
def door(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[Door]:
    ca_file, crl_file, settings = directory / "people.pem", directory / "people.crl", directory / "s.yaml"
    ca_file.write_text(PEOPLE.pem + OTHERS.pem)
    crl_file.write_bytes(pem(PEOPLE.revocations()) + pem(OTHERS.revocations()))
    section = f"{{mode: optional, ca_file: '{ca_file}', crl_file: '{crl_file}'}}"
    settings.write_text(
        f"client_certificates: {section}\nadmin_client_certificates: {section}\n"
        "limits: {failed_logins: 1000/minute}\n"
    )
    rig = Rig(directory, is_preloaded=True, server_flags=("--config", str(settings)))
    rig.init()
    world = World(rig)
    door = Door(world, directory, ssl.create_default_context(cafile=rig.facts["ca_file"]), crl_file)
    try:
        rig.start()
        world.http, world.admin = door.client(None), door.client(None, admin=True)
        world.admin.headers["X-Admin-Key"] = rig.facts["admin_key"]
        world.ask("POST", "groups", {"name": GROUP})
        world.publish("tools", "streamable_http", {"url": tools.url})
        yield door
    finally:
        for each in door.opened:
            each.close()
        end(rig)


RULES = {
    "url": f"sha256:{PEOPLE.fingerprint}",
    "key_source": "certificates",
    "user_claims": ["email:{user}@acme.example", "uri:spiffe://acme.example/user/{user}"],
    "group_claims": [],
    "group_prefix": "people.",
}


@pytest.fixture(autouse=True)
def authority(door: Door) -> Iterator[None]:
    door.world.ask("PUT", "issuers/people", RULES)
    yield
    if any(each["name"] == "people" for each in door.world.ask("GET", "issuers")["items"]):
        door.world.ask("DELETE", "issuers/people")


def named(user: str, *more: Any, by: Authority = PEOPLE, **changes: Any) -> Identity:
    return by.issue(email(f"{user}@acme.example"), *more, **changes)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_certificates_alone_permit_calls_on_every_face(door: Door, face: Face) -> None:
    user = door.user()
    caller = door.caller(named(user))
    assert "tools__echo" in caller.names(face)
    assert caller.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    (attempt,) = door.world.events(action="call:tool:attempt", user=user)
    assert attempt["actor"]["key_name"] == "people"
    nobody = Bearer(door.client(None), "")
    assert nobody.send(face.call("", "tools__echo", {"text": "x"})).status_code == 401


@pytest.mark.parametrize("face", FACES, ids=str)
def test_certificates_that_name_no_user_are_refused_on_every_face(door: Door, face: Face) -> None:
    world, user = door.world, door.user()
    local, gone, other = world.person().name, door.user(), door.user()
    world.ask("PATCH", f"users/{gone}", {"status": "suspended"})
    bad = {
        "user_is_local": named(local),
        "user_not_active": named(gone),
        "unknown_user": named("nobody-here"),
        "ambiguous_user": named(user, uri(f"spiffe://acme.example/user/{other}")),
        "no_user_name": PEOPLE.issue(email(f"{user}@acme.example.evil.example")),
        "unknown_issuer": named(user, by=OTHERS),
    }
    for reason, who in bad.items():
        response = door.caller(who).send(face.call("", "tools__echo", {"text": "x"}))
        assert response.status_code == 401, reason
        assert reason in response.text
        assert_nothing_internal(response.text)
    until(lambda: door.refusals() >= bad.keys(), "the refusals are indexed")
    same = named(user, uri(f"spiffe://acme.example/user/{user}"))
    assert door.caller(same).call(face, "tools__echo", {"text": "x"}).succeeded


def _revoke(door: Door, user: str, who: Identity) -> None:
    door.world.ask("POST", "issuers/people/revoked", {"serial": who.serial.upper()})


def _list(door: Door, user: str, who: Identity) -> None:
    new = door.crl_file.with_suffix(".new")
    new.write_bytes(pem(PEOPLE.revocations(who)) + pem(OTHERS.revocations()))
    new.replace(door.crl_file)


ENDS: dict[str, Callable[[Door, str, Identity], None]] = {
    "revoked": _revoke,
    "list": _list,
    "suspended": lambda door, user, who: door.world.ask("PATCH", f"users/{user}", {"status": "suspended"}),
    "removed": lambda door, user, who: door.world.ask("DELETE", "issuers/people"),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_what_ends_a_certificate_stops_its_calls_in_flight_and_its_next_call(
    door: Door, face: Face, how: str
) -> None:
    user = door.user()
    who = named(user)
    caller, running_caller = door.caller(who), door.caller(who)
    assert caller.call(face, "tools__echo", {"text": "x"}).succeeded
    with slow_call(door.world, running_caller, face) as running:
        ENDS[how](door, user, who)
        if how == "list":
            with pytest.raises(httpx.HTTPError):
                running.result()
        else:
            assert running.result().failed
    response = caller.send(face.call("", "tools__echo", {"text": "must not run"}))
    assert response.status_code == 401
    assert not door.caller(named(user)).call(face, "tools__echo", {}).succeeded or how in ("revoked", "list")


def test_a_key_beside_a_certificate_has_to_be_of_the_same_user(door: Door) -> None:
    world, user = door.world, door.user()
    key = world.ask("POST", "keys", {"user": user, "name": "laptop"})["preshared_key"]
    world.ask("PUT", "issuers/people", {**RULES, "beside_key": True})
    for face in FACES:
        alone = door.caller(named(user)).send(face.call("", "tools__echo", {"text": "x"}))
        assert (alone.status_code, "needs_key" in alone.text) == (401, True)
    other = door.user()
    for who, accepted in ((named(user), True), (named(other), False), (named(user, by=OTHERS), True)):
        caller = door.caller(who, key)
        assert caller.call(LEGACY, "tools__echo", {"text": "x"}).succeeded is accepted
    until(lambda: {"other_user", "needs_key"} <= door.refusals(), "the refusals are indexed")
    wrong = door.caller(named(user), "amb_pk_" + "A" * 48)
    assert wrong.send(LEGACY.listing(wrong.secret)).status_code == 401


def test_groups_of_a_certificate_are_off_until_they_are_asked_for(door: Door) -> None:
    world, user = door.world, door.user(display_name="Without a group")
    group = world.group("tools")
    who = named(user, units=("eng",))
    rules = {**RULES, "group_map": {"eng": group}}
    world.ask("PUT", "issuers/people", rules)
    assert door.caller(who).names(LEGACY) == []
    world.ask("PUT", "issuers/people", {**rules, "group_claims": ["ou"]})
    assert "tools__echo" in door.caller(who).names(LEGACY)


ROLES: dict[str, set[str]] = {
    "admin": {"users", "mcps", "kill-switches", "groups"},
    "operator": {"users", "mcps", "kill-switches"},
    "provisioner": {"users", "mcps", "groups"},
    "auditor": {"users", "mcps", "audit/events"},
    "none": set(),
}
ROUTES = {
    "users": ("GET", "users", None),
    "mcps": ("GET", "mcps", None),
    "audit/events": ("GET", "audit/events", None),
    "kill-switches": ("POST", "kill-switches", {"scope": "everyone", "reason": "x", "drill": True}),
    "groups": ("POST", "groups", {"name": "x"}),
}


@pytest.mark.parametrize("role", ROLES)
def test_administrators_have_the_rights_of_their_role_alone(door: Door, role: str) -> None:
    user = door.user(roles=[] if role == "none" else [role])
    admin = door.client(named(user), admin=True)
    for route, (method, path, body) in ROUTES.items():
        fresh = {"name": door.world.fresh("made")} if route == "groups" else body
        answer = admin.request(method, f"/v1/admin/{path}", json=fresh)
        expected = (200, 201) if route in ROLES[role] else (401, 403)
        assert answer.status_code in expected, (route, answer.text)
    other = door.client(named(user, by=OTHERS), admin=True)
    assert other.get("/v1/admin/users").status_code == 401


def test_certificates_alone_are_no_credential_in_a_browser(door: Door) -> None:
    user = door.user(roles=["admin"])
    admin = door.client(named(user), admin=True)
    assert admin.get("/v1/admin/users").status_code == 200
    for name, value in (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")):
        assert admin.get("/v1/admin/users", headers={name: value}).status_code in (401, 403)


def test_users_are_created_at_first_sight_where_the_authority_may(door: Door) -> None:
    door.world.ask("PUT", "issuers/people", {**RULES, "creates_users": True})
    name = door.world.fresh("newcomer")
    assert door.caller(named(name)).names(LEGACY) == []
    user = door.world.ask("GET", f"users/{name}")
    assert (user["source"], user["email"], user["roles"]) == ("external", f"{name}@acme.example", [])


def test_revoked_certificates_stay_revoked_until_they_are_restored(door: Door) -> None:
    user = door.user()
    who = named(user)
    _revoke(door, user, who)
    door.world.ask("PUT", "issuers/people", RULES)
    assert door.caller(who).send(LEGACY.listing("")).status_code == 401
    assert door.world.ask("GET", "issuers/people")["revoked"] == [who.serial]
    door.world.ask("DELETE", f"issuers/people/revoked/{who.serial}")
    assert "tools__echo" in door.caller(who).names(LEGACY)


def test_our_programs_present_a_certificate(door: Door) -> None:
    world, admin = door.world, door.user(roles=["operator"])
    rig = world.rig

    def presented(who: Identity, name: str) -> dict[str, str]:
        cert, key = who.files(door.directory, name)
        return {"MCP_AMBASSADOR_CLIENT_CERT": cert, "MCP_AMBASSADOR_CLIENT_KEY": key}

    environ = {**rig.admin_environment(), **presented(named(admin), "operator")}
    del environ["MCP_AMBASSADOR_ADMIN_KEY"]
    assert admin in rig.run("ambassador-admin", "user", "list", env=environ).stdout
    refused = rig.run("ambassador-admin", "group", "create", "more", env=environ, expect=4)
    assert "right" in refused.stderr
    person, other = door.user(), door.user()
    key = world.ask("POST", "keys", {"user": person, "name": "laptop"})["preshared_key"]
    for user, accepted in ((person, True), (other, False)):
        environ = {**rig.client_environment(key), **presented(named(user), "person")}
        done = rig.run("ambassador-client", "tools", "list", env=environ, expect=0 if accepted else 3)
        assert ("tools__echo" in done.stdout) is accepted
    late = {
        **rig.client_environment(key),
        **presented(PEOPLE.issue(email("x@acme.example"), usage=None), "bad"),
    }
    done = rig.run("ambassador-client", "tools", "list", env=late, expect=3)
    assert "not_for_clients" in done.stderr + done.stdout


def test_connections_that_are_refused_before_a_request_are_recorded(door: Door) -> None:
    world, before = door.world, {each["id"] for each in door.world.events(action="session:token:refuse")}
    strangers = {
        "unknown_authority": named("x", by=Authority("Strangers")),
        "no_names": PEOPLE.issue(),
    }
    for admin in (False, True):
        for who in strangers.values():
            for _ in range(3):
                client = door.client(who, admin=admin)
                with suppress(httpx.HTTPError):
                    assert client.get("/ready").status_code == 401

    def found() -> list[str]:
        events = [each for each in world.events(action="session:token:refuse") if each["id"] not in before]
        return [each["reason"] for each in events if each["reason"] in strangers]

    until(lambda: {*found()} == strangers.keys(), "the refusals are indexed")
    assert sorted(found()) == sorted(strangers), (
        "one a minute of an address and reason, whatever the listener"
    )
