"""The vault at the command line and beside a running server: rotation, a lost key, a stolen database, moved rows."""

import base64
import json
import signal
import sqlite3
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from ambassador_server.crypto.key_ring import vault_keys_in
from ambassador_server.crypto.vault import AesGcmVault
from ambassador_server.domain.catalog.credential_needs import CredentialField, Place
from ambassador_server.domain.people.credentials import StoredSecret
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.ports.vault import Sealed, SecretPlace
from ambassador_server.services.credentials.stored_credentials import new_credential
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.credentials import declare, in_database
from tests.end_to_end.world import Downstream, Person, World, running, until
from tests.fakes.clock import START
from tests.patience import PATIENCE
from tests.rig import BIN, Rig

VALUE = "xoxp-Only~For+The/Right_Person 7f3a"
TOKEN = CredentialField(name="token", place=Place.HEADER, target="X-Token")
SPARE = CredentialField(name="spare", place=Place.HEADER, target="X-Spare", required=False)
MANY = 600


@pytest.fixture
def world(tmp_path: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Return a server of this test alone, because its keys are changed."""
    with demanding(tmp_path, prepared, tools) as started:
        yield started


@pytest.fixture(scope="module")
def steady(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Return a server whose keys stay as they are."""
    with demanding(directory, prepared, tools) as started:
        yield started


@contextmanager
def demanding(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server with two MCPs that need a token of each user."""
    with running(directory, prepared, limits=GENEROUS) as started:
        for name in ("tools", "notes"):
            started.publish(name, "streamable_http", {"url": tools.url})
            declare(started, name, TOKEN, SPARE)
        person = started.person()
        until(lambda: len(ask(started, person, "GET", "").json()["credentials"]) == 2, "the server knows")
        yield started


def ask(world: World, person: Person, method: str, path: str, values: Any = None) -> httpx.Response:
    body = None if values is None else {"values": values}
    own = {"Authorization": f"Bearer {person.key}"}
    return world.http.request(method, f"/v1/credentials{path}", json=body, headers=own)


def give(world: World, person: Person, mcp: str = "tools", **values: str) -> None:
    answer = ask(world, person, "PUT", f"/{mcp}", values or {"token": VALUE})
    assert answer.is_success, answer.text


def vault(world: World, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    return world.rig.run(
        "ambassador-server", "vault", *words, "--data-dir", str(world.rig.data_dir), expect=expect
    )


def uses(world: World, expect: int = 0) -> dict[int, tuple[int, str]]:
    keys = json.loads(vault(world, "status", "--json", expect=expect).stdout)
    return {each["key"]: (each["values"], each["use"]) for each in keys}


def own_vault(world: World) -> AesGcmVault:
    return AesGcmVault(partial(vault_keys_in, world.rig.data_dir / "keys"))


def opened(world: World, person: Person, mcp: str, field: str = "token") -> str:
    """Return what the database holds for a user, opened with the keys on the disk."""

    async def read(work: UnitOfWork) -> tuple[str, str, StoredSecret]:
        user, entry = await work.users.by_name(person.name), await work.mcps.by_name(mcp)
        assert user is not None
        assert entry is not None
        (given,) = await work.credentials.of(user_id=user.user_id, mcp_id=entry.mcp_id)
        secret = await work.secrets.get(given.credential_id, field)
        assert secret is not None
        return user.user_id, entry.mcp_id, secret

    user_id, mcp_id, secret = in_database(world, read)
    place = SecretPlace(user_id, mcp_id, field)
    opened = own_vault(world).open(Sealed(secret.key_number, secret.sealed), place).decode()
    return opened.rpartition("\0")[2]  # behind where the value may go


def store_many(world: World, name: str) -> None:
    """Let a user have many values, which takes too long over REST."""
    sealing = own_vault(world)

    async def write(work: UnitOfWork) -> None:
        user, mcp = await work.users.by_name(name), await work.mcps.by_name("notes")
        assert user is not None
        assert mcp is not None
        given = new_credential(user.user_id, mcp.mcp_id, START)
        await work.credentials.add(given)
        for number in range(MANY):
            place = SecretPlace(user.user_id, mcp.mcp_id, f"f{number}")
            sealed = sealing.seal(f"value-{number}".encode(), place)
            await work.secrets.put(
                StoredSecret(
                    credential_id=given.credential_id,
                    field=place.field,
                    key_number=sealed.key_number,
                    sealed=sealed.content,
                )
            )

    in_database(world, write)


def test_rotation_beside_a_server_is_killed_and_goes_on(world: World) -> None:
    person, other = world.person(), world.person()
    give(world, person)
    store_many(world, other.name)
    assert uses(world) == {1: (MANY + 1, "seals")}
    assert vault(world, "new-key").stdout.strip().endswith("keys/vault-2")
    assert uses(world) == {1: (MANY + 1, "needed"), 2: (0, "seals")}
    give(world, other, token="after the new key")
    assert uses(world)[2] == (1, "seals")
    with subprocess.Popen(
        [BIN / "ambassador-server", "vault", "rotate", "--batch", "5", "--data-dir", world.rig.data_dir],
        env=world.rig.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as rotation:
        assert rotation.stderr is not None
        for line in rotation.stderr:
            if line.startswith("50 of"):
                break
        give(world, person, spare="during the rotation")
        rotation.send_signal(signal.SIGKILL)
        rotation.wait(PATIENCE)
    between = uses(world)
    assert between[1][1] == "needed"
    assert 0 < between[1][0] < MANY
    done = vault(world, "rotate", "--json")
    assert json.loads(done.stdout) == {"key": 2, "sealed_again": between[1][0], "unopened": {}}
    assert uses(world) == {1: (0, "unused"), 2: (MANY + 3, "seals")}
    assert "unused" not in vault(world, "status").stdout
    assert "not needed by this database" in vault(world, "status").stdout
    (world.rig.data_dir / "keys" / "vault-1").unlink()
    assert opened(world, person, "tools") == VALUE
    assert opened(world, person, "tools", "spare") == "during the rotation"
    assert opened(world, other, "notes", f"f{MANY - 1}") == f"value-{MANY - 1}"
    actions = [(each["action"], each["outcome"]) for each in world.events() if "vault" in each["action"]]
    # The rotation that was killed has recorded that it began.
    assert actions[::-1] == [
        ("system:vault:new-key", "succeeded"),
        ("system:vault:rotate", "permitted"),
        ("system:vault:rotate", "permitted"),
        ("system:vault:rotate", "succeeded"),
    ]


def test_lost_key_is_said_everywhere_and_a_new_one_does_not_hide_it(world: World) -> None:
    person, other = world.person(), world.person()
    give(world, person)
    key = world.rig.data_dir / "keys" / "vault-1"
    kept = key.rename(world.rig.directory / "vault-1")
    assert uses(world, expect=1) == {1: (1, "lost")}
    status = vault(world, "status", expect=1)
    assert "LOST" in status.stdout
    words = ("check", "--data-dir", str(world.rig.data_dir))
    checked = world.rig.run("ambassador-server", *words, expect=1)
    assert "FAIL  vault: the master key vault-1 is missing" in checked.stdout
    refused = ask(world, other, "PUT", "/tools", {"token": VALUE})
    assert (refused.status_code, refused.json()["error"]) == (503, "vault_unavailable")
    world.restart()
    # The start has made a key with a number of its own, so that the lost one can come back.
    assert sorted(path.name for path in key.parent.glob("vault-*")) == ["vault-2"]
    answer = world.http.get("/ready")
    until(lambda: world.http.get("/ready").status_code == 503, "the loss is known")
    answer = world.http.get("/ready")
    assert answer.json()["checks"]["vault_keys"] is False
    give(world, other)
    assert uses(world, expect=1) == {1: (1, "lost"), 2: (1, "seals")}
    rotated = vault(world, "rotate", expect=1)
    assert "1 values cannot be read with their keys: vault-1 (1)" in rotated.stderr
    kept.rename(key)
    assert uses(world) == {1: (1, "needed"), 2: (1, "seals")}
    vault(world, "rotate")
    assert opened(world, person, "tools") == VALUE
    world.restart()
    until(lambda: world.http.get("/ready").status_code == 200, "all keys are there")


def test_another_key_under_the_same_number_is_a_lost_key_and_never_a_wrong_value(world: World) -> None:
    person = world.person()
    give(world, person)
    key = world.rig.data_dir / "keys" / "vault-1"
    key.write_text(base64.b64encode(b"x" * 32).decode())
    assert uses(world, expect=1) == {1: (1, "lost")}
    with pytest.raises(Exception, match="missing, or is another one"):
        opened(world, person, "tools")


def test_readable_key_file_is_refused_with_the_command_that_mends_it(world: World) -> None:
    (world.rig.data_dir / "keys" / "vault-1").chmod(0o644)
    refused = vault(world, "status", expect=2)
    assert "can be read by others" in refused.stderr
    assert "chmod 600" in refused.stderr


def encodings(value: str) -> set[bytes]:
    """Return a value as it may be written: as it is, escaped, in base64 at every offset, in hex."""
    raw = value.encode()
    found = {raw, raw[::-1], raw.hex().encode(), raw.hex().upper().encode(), json.dumps(value).encode()}
    found |= {urllib.parse.quote(value).encode(), urllib.parse.quote_plus(value).encode()}
    found |= {value.encode("utf-16-le"), value.encode("utf-16-be")}
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # What surrounds the value changes the first and last characters.
            found.add(encode(b"\0" * offset + raw)[4:-4])
    return {each for each in found if each}


def test_no_file_has_a_value_in_any_encoding(world: World) -> None:
    """All that the server has written: database with its log, audit, server log; and what it answered."""
    person = world.person()
    given = (
        {"token": VALUE},
        {"token": f"{VALUE}-2", "spare": VALUE},
        {"token": f"{VALUE}\r\n"},
        {"tokn": VALUE},
    )
    answers = [ask(world, person, "PUT", "/tools", values).text for values in given]
    answers.append(ask(world, person, "GET", "").text)
    answers += [world.admin.get(f"/v1/admin/credentials{path}").text for path in ("", "/status")]
    answers.append(world.rig.admin("credential", "list", "-o", "json").stdout)
    answers.append(vault(world, "new-key").stdout)
    rotated = vault(world, "rotate")
    answers += [rotated.stdout, rotated.stderr, str(world.events()), world.log_text()]
    assert opened(world, person, "tools", "spare") == VALUE
    world.rig.stop()
    files = [path for path in world.rig.directory.rglob("*") if path.is_file()]
    assert len(files) > 8
    contents = {str(path): path.read_bytes() for path in files}
    contents |= {f"answer {number}": text.encode() for number, text in enumerate(answers)}
    needles = encodings(VALUE)
    assert needles
    found = [name for name, content in contents.items() for needle in needles if needle in content]
    assert found == []


@pytest.mark.parametrize("attack", ["user", "mcp", "field", "truncated", "flipped", "emptied", "key number"])
def test_row_that_was_changed_with_sql_is_refused_and_never_another_value(steady: World, attack: str) -> None:
    alice, mallory = steady.person(), steady.person()
    give(steady, alice, token="of-alice", spare="spare-of-alice")
    give(steady, mallory, token="of-mallory")
    give(steady, mallory, "notes", token="notes-of-mallory")
    path = steady.rig.data_dir / "ambassador.db"
    with closing(sqlite3.connect(path)) as database, database:
        by_owner = dict(
            database.execute(
                "SELECT u.name || '/' || m.name, c.credential_id FROM user_credentials c "
                "JOIN users u USING (user_id) JOIN mcps m USING (mcp_id)"
            )
        )
        victim, own = by_owner[f"{alice.name}/tools"], by_owner[f"{mallory.name}/tools"]
        notes = by_owner[f"{mallory.name}/notes"]
        source, target, field = {
            "user": ((victim, "token"), own, "token"),
            "mcp": ((notes, "token"), own, "token"),
            "field": ((victim, "spare"), victim, "token"),
        }.get(attack, ((own, "token"), own, "token"))
        (sealed,) = database.execute(
            "SELECT sealed FROM credential_secrets WHERE credential_id = ? AND field = ?", source
        ).fetchone()
        changed = {
            "truncated": sealed[:-1],
            "flipped": sealed[:-1] + bytes([sealed[-1] ^ 1]),
            "emptied": b"",
        }.get(attack, sealed)
        number = 2 if attack == "key number" else 1
        database.execute(
            "UPDATE credential_secrets SET sealed = ?, key_number = ? WHERE credential_id = ? AND field = ?",
            (changed, number, target, field),
        )
    reader = alice if attack == "field" else mallory
    with pytest.raises(Exception, match=r"damaged|was changed, or belongs to another|is missing"):
        opened(steady, reader, "tools")
    # The user gives the value again, and all is well.
    give(steady, reader, token="given again")
    assert opened(steady, reader, "tools") == "given again"


def test_deactivated_user_leaves_no_sealed_value_and_a_stopped_one_keeps_them(steady: World) -> None:
    stopped, leaver = steady.person(), steady.person()
    for person in (stopped, leaver):
        give(steady, person)
    steady.ask("POST", "kill-switches", {"scope": "user", "target": stopped.name, "reason": "lost laptop"})
    refused = ask(steady, stopped, "PUT", "/tools", {"token": "by the thief"})
    assert refused.status_code == 403
    assert opened(steady, stopped, "tools") == VALUE
    steady.ask("PATCH", f"users/{leaver.name}", {"status": "deactivated"})
    listed = [each["user"] for each in steady.ask("GET", "credentials?limit=1000")["items"]]
    assert stopped.name in listed
    assert leaver.name not in listed
    with closing(sqlite3.connect(steady.rig.data_dir / "ambassador.db")) as database:
        orphans = "SELECT COUNT(*) FROM credential_secrets s LEFT JOIN user_credentials USING (credential_id)"
        assert database.execute(f"{orphans} WHERE user_id IS NULL").fetchone() == (0,)
