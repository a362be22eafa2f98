"""The access token of a user at one server becomes the same user's access at another one, by their provider."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import give_public_url
from tests.end_to_end.faces import FACES, LEGACY, Face
from tests.end_to_end.granting_provider import AGENT, AUDIENCE, GATEWAY, Provider, granting_provider
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, running, until
from tests.patience import PATIENCE
from tests.rig import Rig

SECRETS = {GATEWAY: "secret of the gateway at the provider", AGENT: "secret of the gateway at the server"}
TOOL = "far__tools__echo"
PARTIAL = 9


@dataclass
class Both:
    """The server that hosts use, the one behind it, and the provider that both trust."""

    near: World
    far: World
    provider: Provider
    directory: Path
    far_group: str

    def oauth(self, **changes: Any) -> dict[str, Any]:
        """Return how the near server gets access to the far one."""
        return {
            "grant": "identity_assertion",
            "provider": "login",
            "provider_client_id": GATEWAY,
            "provider_client_secret": f"file://{self.directory / 'at-provider'}",
            "issuer": self.far.rig.client_url,
            "client_id": AGENT,
            "client_secret": f"file://{self.directory / 'at-server'}",
            "private_addresses": True,
            **changes,
        }

    def trust(self, world: World, **more: Any) -> None:
        """Trust the provider."""
        body = {
            "url": self.provider.url,
            "audiences": [AUDIENCE],
            "group_prefix": "login.",
            "private_addresses": True,
            **more,
        }
        world.ask("PUT", "issuers/login", body)

    def trust_far(self, clients: Any = (AGENT,)) -> None:
        """Let the clients bring assertions to the far server."""
        reference = f"file://{self.directory / 'at-server'}"
        self.trust(
            self.far,
            group_map={"eng": self.far_group},
            assertion_clients=dict.fromkeys(clients, reference),
        )

    def user(self) -> str:
        """Return a new user of both servers who may use the tools at each."""
        name = self.near.fresh("user")
        for world in (self.near, self.far):
            world.ask("POST", "users", {"name": name, "source": "external"})
        return name

    def caller(self, user: str, **claims: Any) -> Caller:
        """Return a host with a token of the user, which sees the tool."""
        caller = Caller(self.near.http, self.provider.token(user, **claims))
        until(lambda: TOOL in caller.names(LEGACY), "the first connection lists the tools")
        return caller

    def log(self) -> str:
        """Return all that the near server has written."""
        directory = self.near.rig.data_dir / "audit"
        return self.near.log_text() + "".join(each.read_text() for each in directory.rglob("*.jsonl"))


@pytest.fixture(scope="module")
def servers(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[Both]:
    paths = [directory / name for name in ("near", "far")]
    for path in paths:
        path.mkdir()
    (directory / "at-provider").write_text(SECRETS[GATEWAY])
    (directory / "at-server").write_text(SECRETS[AGENT])
    with (
        granting_provider() as provider,
        running(paths[0], prepared, limits=GENEROUS) as near,
        running(paths[1], prepared, limits=GENEROUS) as far,
    ):
        far.publish("tools", "streamable_http", {"url": tools.url})
        give_public_url(far, far.rig.client_url)
        yield Both(near, far, provider, directory, far.group("tools"))


@pytest.fixture
def both(servers: Both) -> Both:
    """Return the servers with a working declaration."""
    provider = servers.provider
    provider.clients = {GATEWAY: SECRETS[GATEWAY]}
    provider.audiences = {servers.far.rig.client_url: AGENT}
    provider.answer, provider.claims, provider.more = None, {}, {}
    servers.trust_far()
    near = servers.near
    names = [each["name"] for each in near.ask("GET", "mcps")["items"]]
    if "far" not in names:
        servers.trust(near)
        url = f"{servers.far.rig.client_url}/mcp"
        near.offer("far", "streamable_http", {"url": url}, credentials={"oauth": servers.oauth()})
        near.ask("POST", "mcps/far/publish")
        near.ask("PATCH", "mcps/far", {"pin": "off"})
    servers.trust(near, group_map={"eng": near.group("far")})
    return servers


def asked(both: Both, caller: Caller) -> int:
    """Return how often the provider was asked about the token of a host."""
    return [each["subject_token"] for each in both.provider.seen].count(caller.secret)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_token_of_alice_here_is_alice_there(both: Both, face: Face) -> None:
    user = both.user()
    caller = both.caller(user)
    for text in ("hello", "again"):
        assert caller.call(face, TOOL, {"text": text}).text == text
    assert asked(both, caller) == 1, "what was granted is used again"
    form = next(each for each in both.provider.seen if each["subject_token"] == caller.secret)
    far = both.far.rig.client_url
    assert (form["audience"], form["resource"]) == (far, f"{far}/mcp")
    assert form["subject_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    there = both.far.events(action="call:tool:attempt", user=user)
    assert {each["actor"]["name"] for each in there} == {user}
    (accepted,) = both.far.events(action="session:assertion:accept", user=user)
    assert accepted["details"]["client"] == AGENT
    recorded = both.near.events(action="credential:token:refresh")
    (granted,) = (each for each in recorded if each["details"]["user"] == user)
    assert (granted["outcome"], granted["details"]["provider"]) == ("permitted", "login")


def test_nothing_secret_is_logged_recorded_or_shown(both: Both) -> None:
    caller = both.caller(both.user())
    assert caller.call(LEGACY, TOOL, {"text": "x"}).succeeded
    both.provider.answer = (400, '{"error": "access_denied", "error_description": "text of a stranger"}')
    other = Caller(both.near.http, both.provider.token(both.user()))
    answer = other.call(LEGACY, TOOL, {"text": "x"})
    written = both.log() + answer.text
    for each in (caller.secret, other.secret, *both.provider.assertions, *SECRETS.values(), "amb_at_"):
        assert each not in written
    assert "stranger" not in written
    shown = str(both.near.ask("GET", "mcps/far"))
    assert all(each not in shown for each in SECRETS.values())


def test_a_key_signs_at_the_server_behind_in_place_of_a_secret(both: Both) -> None:
    secret, key = both.directory / "at-server", ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (both.directory / "public").write_bytes(public)
    both.trust(
        both.far,
        group_map={"eng": both.far_group},
        assertion_clients={AGENT: f"file://{both.directory / 'public'}"},
    )
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        for _ in range(2):
            caller = both.caller(both.user())
            assert caller.call(LEGACY, TOOL, {"text": "signed"}).text == "signed"
    finally:
        secret.write_text(SECRETS[AGENT])


@pytest.mark.parametrize("face", FACES, ids=str)
def test_each_token_of_a_user_has_an_access_of_its_own(both: Both, face: Face) -> None:
    user = both.user()
    callers = [both.caller(user) for _ in range(2)]
    for number in range(6):
        caller = callers[number % 2]
        assert caller.call(face, TOOL, {"text": str(number)}).text == str(number)
    assert [asked(both, each) for each in callers] == [1, 1]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_key_is_no_token_and_the_refusal_says_what_to_do(both: Both, face: Face) -> None:
    both.caller(both.user())
    group = both.near.group("far")
    caller = both.near.session(both.near.person(group))
    before = len(both.provider.seen)
    answer = caller.call(face, TOOL, {"text": "must not run"})
    assert answer.failed or answer.status != 200
    for word in ("credential_missing", "an access token of login", "a client key does not do"):
        assert word in answer.text
    assert len(both.provider.seen) == before
    listed = both.near.http.get("/v1/credentials", headers={"Authorization": f"Bearer {caller.secret}"})
    assert "far" not in listed.text


def refuse(status: int, error: str) -> tuple[int, str]:
    return status, f'{{"error": "{error}", "error_description": "text of a stranger"}}'


WRONG: dict[str, dict[str, Any]] = {
    "denied": {"answer": refuse(400, "access_denied")},
    "token not accepted": {"answer": refuse(400, "invalid_grant")},
    "unknown code": {"answer": refuse(400, "strange")},
    "down": {"answer": (503, "text of a stranger")},
    "not JSON": {"answer": (200, "<p>text of a stranger</p>")},
    "unknown client": {"clients": {}},
    "other audience": {"claims": {"aud": "https://other.example.com"}},
    "other user": {"claims": {"sub": "subject of root", "preferred_username": "root"}},
    "other resource": {"claims": {"resource": "https://other.example.com/mcp"}},
    "other client": {"claims": {"client_id": "another"}},
    "other kind": {"more": {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}},
    "no assertion": {"more": {"access_token": "text"}},
}
NOT_GRANTED = ("denied", "token not accepted", "unknown code")


@pytest.mark.parametrize("wrong", WRONG)
def test_a_provider_that_refuses_fails_or_answers_with_another_assertion(both: Both, wrong: str) -> None:
    both.caller(both.user())
    user, there = both.user(), len(both.far.events(action="session:assertion:accept"))
    for name, value in WRONG[wrong].items():
        setattr(both.provider, name, value)
    caller = Caller(both.near.http, both.provider.token(user))
    for face in FACES:
        answer = caller.call(face, TOOL, {"text": "must not run"})
        assert not answer.succeeded
        assert "stranger" not in answer.text
        assert_nothing_internal(answer.text)
        assert ("login does not grant you access to far" in answer.text) == (wrong in NOT_GRANTED)
    assert asked(both, caller) == 1, "it is not asked again at once"
    assert len(both.far.events(action="session:assertion:accept")) == there
    failed = [
        each
        for each in both.near.events(action="credential:token:refresh")
        if each["details"]["user"] == user
    ]
    reasons = {each["reason"] for each in failed if each["outcome"] == "failed"}
    assert reasons == {"not_exchanged" if wrong in NOT_GRANTED else "authorization_server_unavailable"}


@pytest.mark.parametrize("how", ["suspended there", "client there", "unknown there"])
def test_the_server_behind_has_the_last_word(both: Both, how: str) -> None:
    both.caller(both.user())
    user = both.user()
    match how:
        case "suspended there":
            both.far.ask("PATCH", f"users/{user}", {"status": "suspended"})
        case "client there":
            both.trust_far(clients=())
        case _:
            user = both.near.fresh("only-here")
            both.near.ask("POST", "users", {"name": user, "source": "external"})
    caller = Caller(both.near.http, both.provider.token(user))
    answer = caller.call(LEGACY, TOOL, {"text": "must not run"})
    assert answer.failed
    assert ("login does not grant you access to far" in answer.text) == (how != "client there")
    assert both.far.events(action="call:tool:attempt", user=user) == []


@pytest.mark.parametrize("how", ["suspend", "issuer", "user switch", "mcp switch"])
def test_what_ends_the_token_ends_the_access_in_flight(both: Both, how: str) -> None:
    user = both.user()
    caller = both.caller(user)
    assert caller.call(LEGACY, TOOL, {"text": "x"}).succeeded
    switch: dict[str, Any] = {"reason": "a test"}
    with slow_call(both.near, caller, LEGACY, tool="far__tools__slow") as running:
        match how:
            case "suspend":
                both.near.ask("PATCH", f"users/{user}", {"status": "suspended"})
            case "issuer":
                both.near.ask("DELETE", "issuers/login")
            case "user switch":
                switch = both.near.ask("POST", "kill-switches", {"scope": "user", "target": user, **switch})
            case _:
                switch = both.near.ask("POST", "kill-switches", {"scope": "mcp", "target": "far", **switch})
        assert running.result(timeout=PATIENCE).failed
    assert not caller.call(LEGACY, TOOL, {"text": "must not run"}).succeeded
    match how:
        case "suspend":
            both.near.ask("PATCH", f"users/{user}", {"status": "active"})
        case "issuer":
            both.trust(both.near, group_map={"eng": both.near.group("far")})
        case _:
            both.near.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert asked(both, caller) == 1
    assert caller.call(LEGACY, TOOL, {"text": "x"}).succeeded
    assert asked(both, caller) == 2, "nothing of it was kept"


def test_a_file_declares_all_of_it_at_once(both: Both) -> None:
    """The provider comes after the MCP, which is published last."""
    near, file = both.near, both.directory / "declared.yaml"
    user, group = both.user(), near.fresh("declared")
    near.ask("DELETE", "issuers/login")
    issuer = {
        "name": "login",
        "preset": "generic",
        "url": both.provider.url,
        "audiences": [AUDIENCE],
        "group_prefix": "login.",
        "private_addresses": True,
        "group_map": {"eng": group},
    }
    entry = {
        "name": "declared",
        "transport": "streamable_http",
        "options": {"url": f"{both.far.rig.client_url}/mcp"},
        "credentials": {"oauth": both.oauth()},
        "published": True,
    }
    declared = {
        "owner": "ci/asserted",
        "issuers": [issuer],
        "groups": [{"name": group}],
        "mcps": [entry],
        "grants": [{"group": group, "mcp": "declared", "tools": ["*"]}],
    }
    file.write_text(json.dumps(declared))
    near.rig.admin("apply", "-f", str(file))
    assert near.rig.admin("diff", "-f", str(file)).stdout == ""
    exported = near.rig.admin("export", "--owner", "ci/asserted").stdout
    assert "grant: identity_assertion" in exported
    assert "provider: login" in exported
    caller = Caller(near.http, both.provider.token(user))
    until(lambda: "declared__tools__echo" in caller.names(LEGACY), "the first connection lists the tools")
    wrong = {**entry, "name": "misspelt", "credentials": {"oauth": both.oauth(provider="logn")}}
    file.write_text(json.dumps({**declared, "mcps": [entry, wrong]}))
    refused = near.rig.run(
        *("ambassador-admin", "apply", "-f", str(file)), env=near.rig.admin_environment(), expect=PARTIAL
    )
    assert "No issuer 'logn'; near: 'login'" in refused.stdout + refused.stderr
    near.ask("DELETE", "issuers/login")
