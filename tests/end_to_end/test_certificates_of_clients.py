"""A client with a certificate and no key works with every command and as the relay; what is wrong with it is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.authorities import HOUR, Authority, Identity
from tests.client.host import environment, host
from tests.end_to_end.test_client_certificates import OTHERS, RULES, Door, authority, door, named

__all__ = ["authority", "door"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


class Person:
    """A user of the programs with a certificate and no key."""

    def __init__(self, door: Door, who: Identity, home: Path) -> None:
        self.door = door
        self.files = who.files(home, "person")
        rig = door.world.rig
        self.environ = {
            **rig.client_environment(""),
            **rig.admin_environment(),
            "MCP_AMBASSADOR_ADMIN_KEY": "",
            "MCP_AMBASSADOR_CLIENT_CERT": self.files[0],
            "MCP_AMBASSADOR_CLIENT_KEY": self.files[1],
        }
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
            self.environ[name] = str(home / name)

    def unset(self) -> None:
        """Let no variable name a server or a certificate."""
        self.environ |= dict.fromkeys((each for each in self.environ if each.startswith("MCP_")), "")

    def host_environment(self, home: Path) -> dict[str, str]:
        """Return the environment of an application that starts the relay."""
        return {**environment(self.door.world.rig.client_url, home), **self.environ}

    def run(self, *arguments: str, program: str = "ambassador-client", expect: int = 0, **more: str) -> Any:
        return self.door.world.rig.run(program, *arguments, env={**self.environ, **more}, expect=expect)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-o", "json").stdout)


@pytest.fixture
def person(door: Door, home: Path) -> Iterator[Person]:
    return Person(door, named(door.user()), home)


def test_every_command_works_without_a_key(door: Door, person: Person) -> None:
    me = person.json("whoami")
    assert (me["key"], me["certificate"].endswith(" of people"), me["tools"] > 0) == (None, True, True)
    status = person.json("status")
    assert (status["certificate_accepted"], status["key_accepted"], status["user"]) == (
        True,
        None,
        me["user"],
    )
    assert "tools__echo" in person.run("tools", "list").stdout
    assert "hello" in person.run("call", "tools__echo", "text=hello").stdout
    assert person.run("tools", "show", "tools__echo").stdout
    for command in ("resources list", "prompts list", "credential list", "connections", "request list"):
        person.run(*command.split())
    assert "tools" in person.run("catalog", "list").stdout
    asked = person.json("request", "access", "nothing-there", "--reason", "for work")
    assert asked["status"] == "pending"
    person.run("request", "cancel", asked["id"])
    for command in ("subscribe tools", "select tools echo", "unsubscribe tools", "meta-tools on"):
        assert "log in with it" in person.run(*command.split(), expect=6).stderr
    assert "no key to replace" in person.run("key", "rotate", expect=2).stderr


def test_the_doctor_says_what_stands_alone(person: Person) -> None:
    found = {each["check"]: each for each in json.loads(person.run("doctor", "--json").stdout)}
    assert found["key"]["cause"] == "none: the certificate stands alone"
    assert found["session"]["cause"].endswith(" of people")
    assert person.files[0] in found["client certificate"]["cause"]
    assert {found[each]["status"] for each in ("session", "key expiry", "old sessions", "tools")} == {"ok"}


@pytest.mark.parametrize("modern", [False, True])
async def test_the_relay_works_without_a_key(person: Person, home: Path, modern: bool) -> None:
    async with host(person.host_environment(home)) as relay:
        if not modern:
            await relay.initialize()
        tools = (await relay.request("tools/list", modern=modern))["result"]["tools"]
        assert "tools__echo" in [each["name"] for each in tools]
        answer = await relay.call("tools__echo", {"text": "hello"}, modern=modern)
        assert answer["result"]["content"][0]["text"] == "hello"
        assert await relay.leave() == 0
    assert person.door.world.ask("GET", "sessions")["items"] == []


async def test_the_relay_tells_why_its_certificate_is_refused_and_goes_on_with_a_new_one(
    door: Door, home: Path
) -> None:
    user = door.user()
    who, new = named(user), named(user)
    person = Person(door, who, home)
    async with host(person.host_environment(home)) as relay:
        await relay.initialize()
        assert "result" in await relay.call("tools__echo", {"text": "a"})
        door.world.ask("POST", "issuers/people/revoked", {"serial": who.serial})
        refused = await relay.call("tools__echo", {"text": "must not run"})
        assert "(revoked)" in json.dumps(refused)
        await relay.until_said("(revoked)")
        # A new certificate is used at once, though the server has refused the old one.
        new.files(home, "person")
        await relay.until_said("connected to")
        assert "result" in await relay.call("tools__echo", {"text": "with the new one"})
        calls = door.world.events(action="call:tool:attempt", user=user)
        assert {each["actor"]["key_name"] for each in calls} == {"people"}


@pytest.mark.parametrize("modern", [False, True])
async def test_the_relay_uses_a_renewed_certificate_with_its_next_call(
    door: Door, home: Path, modern: bool
) -> None:
    user = door.user()
    who, new = named(user), named(user)
    person = Person(door, who, home)
    async with host(person.host_environment(home)) as relay:
        if not modern:
            await relay.initialize()
        assert "result" in await relay.call("tools__echo", {"text": "a"}, modern=modern)
        new.files(home, "person")
        assert "result" in await relay.call("tools__echo", {"text": "b"}, modern=modern)
        door.world.ask("POST", "issuers/people/revoked", {"serial": who.serial})
        assert "result" in await relay.call("tools__echo", {"text": "c"}, modern=modern)
        assert "revoked" not in relay.errors


def test_a_login_keeps_where_the_certificate_is(door: Door, home: Path) -> None:
    person = Person(door, named(door.user()), home)
    cert, key = person.files
    person.unset()
    url, ca = door.world.rig.client_url, door.world.rig.facts["ca_file"]
    person.run("login", url, "--ca-file", ca, "--cert", cert, "--cert-key", key)
    (account,) = person.json("accounts")
    assert (account["key"], account["certificate"]) == (None, cert)
    assert "tools__echo" in person.run("tools", "list").stdout
    assert "is left as it is" in person.run("logout").stderr
    assert Path(cert).exists()
    assert person.json("accounts") == []
    assert (
        "no preshared key" in person.run("tools", "list", "--server", url, "--ca-file", ca, expect=3).stderr
    )
    assert "goes with --cert" in person.run("login", url, "--cert-key", key, expect=2).stderr
    plain = url.replace("https:", "http:")
    assert "has no TLS" in person.run("login", plain, "--cert", cert, expect=2).stderr


def test_a_login_with_a_certificate_beside_a_key_uses_both(door: Door, home: Path) -> None:
    world, user = door.world, door.user()
    secret = world.ask("POST", "keys", {"user": user, "name": "laptop"})["preshared_key"]
    world.ask("PUT", "issuers/people", {**RULES, "beside_key": True})
    person = Person(door, named(user), home)
    cert, key = person.files
    alone = person.run("whoami", expect=3)
    assert "(needs_key)" in alone.stderr
    assert "--key-from" in alone.stderr
    person.unset()
    login = ("login", world.rig.client_url, "--ca-file", world.rig.facts["ca_file"])
    person.run(*login, "--cert", cert, "--cert-key", key, "--key-from", "env://SECRET", SECRET=secret)
    assert person.json("whoami")["key"] == "laptop"


@pytest.mark.parametrize("program", ["ambassador-client", "ambassador-admin"])
def test_what_is_wrong_with_a_certificate_is_told(door: Door, home: Path, program: str) -> None:
    user = door.user(roles=["operator"])
    command = ("tools", "list") if program == "ambassador-client" else ("user", "list")
    wrong: dict[str, tuple[int, Identity]] = {
        "(unknown_issuer)": (3, named(user, by=OTHERS)),
        "(user_is_local)": (3, named(door.world.person().name)),
        "(not_for_clients)": (3, named(user, usage=None)),
        "does not know the authority": (3, named(user, by=Authority("Strangers"))),
        "expired on 20": (2, named(user, begins=-2 * HOUR, ends=-HOUR)),
        "is not valid before 20": (2, named(user, begins=HOUR, ends=2 * HOUR)),
    }
    for text, (code, who) in wrong.items():
        done = Person(door, who, home).run(*command, program=program, expect=code)
        assert text in done.stderr, text
        assert done.stdout == ""
    sealed = named(user).files(home, "sealed", passphrase="open sesame")
    given = {"MCP_AMBASSADOR_CLIENT_CERT": sealed[0], "MCP_AMBASSADOR_CLIENT_KEY": sealed[1]}
    person = Person(door, named(user), home)
    assert "has a passphrase" in person.run(*command, program=program, expect=2, **given).stderr
    given["MCP_AMBASSADOR_CLIENT_KEY_PASSPHRASE"] = "env://WORD"
    assert "does not open" in person.run(*command, program=program, expect=2, WORD="x", **given).stderr
    person.run(*command, program=program, WORD="open sesame", **given)
    Path(sealed[1]).chmod(0o640)
    done = person.run(*command, program=program, expect=2, WORD="open sesame", **given)
    assert f"chmod 600 {sealed[1]}" in done.stderr


def test_administrators_log_in_with_a_certificate(door: Door, home: Path) -> None:
    user = door.user(roles=["operator"])
    person = Person(door, named(user), home)
    cert, key = person.files
    person.unset()
    admin, rig = "ambassador-admin", door.world.rig
    login = ("login", rig.admin_url, "--ca", rig.facts["ca_file"], "--cert", cert, "--cert-key", key)
    assert "nothing" not in person.run(*login, program=admin).stderr
    who = json.loads(person.run("whoami", "-o", "json", program=admin).stdout)
    assert (who["name"], who["kind"], who["roles"]) == (user, "certificate", ["operator"])
    shown = person.run("config", "view", program=admin).stdout
    assert cert in shown
    assert user in person.run("user", "list", program=admin).stdout
    assert "is left as it is" in person.run("logout", program=admin).stderr
    assert "no admin key" in person.run("user", "list", program=admin, expect=3).stderr
    assert (
        "go with --cert"
        in person.run("login", rig.admin_url, "--cert-key", key, program=admin, expect=2).stderr
    )
