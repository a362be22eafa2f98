"""An authority of client certificates can be declared in files; what is revoked of it stays with the server."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.authorities import Authority
from tests.end_to_end.world import World

PEOPLE = Authority("People")
SERIALS = ["3a0f91", "7"]


class Declared:
    """A declaration of one authority, and the commands that use it."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.label = f"ci/{world.fresh('label')}"
        self.path = directory / "people.yaml"

    def write(self, *lines: str, kind: str = "preset: certificates") -> None:
        fields = [
            f"url: sha256:{PEOPLE.fingerprint}",
            kind,
            "user_claims: ['email:{user}@acme.example']",
            *lines,
        ]
        body = "\n".join(f"  {each}" for each in fields)
        self.path.write_text(f"owner: {self.label}\nissuers:\n- name: people\n{body}\n")

    def run(self, verb: str, *words: str, expect: int = 0) -> "CompletedProcess[str]":
        return self.world.rig.admin(verb, "-f", str(self.path), *words, expect=expect)

    def shown(self) -> Any:
        return self.world.rig.admin_json("issuer", "show", "people")

    def revoke(self) -> None:
        for serial in SERIALS:
            self.world.rig.admin("certificate", "revoke", serial, "--issuer", "people")


@pytest.fixture
def declared(world: World, tmp_path: Path) -> Iterator[Declared]:
    yield Declared(world, tmp_path)
    if world.rig.admin_json("issuer", "list"):
        world.rig.admin("issuer", "remove", "people", "--yes")


def test_a_file_makes_the_authority_that_the_command_makes(declared: Declared, tmp_path: Path) -> None:
    ca_file = tmp_path / "people-ca.pem"
    ca_file.write_text(PEOPLE.pem)
    words = (
        "--preset",
        "certificates",
        "--ca-file",
        str(ca_file),
        "--user-claim",
        "email:{user}@acme.example",
    )
    declared.world.rig.admin("issuer", "add", "people", *words)
    by_command = declared.shown()
    declared.world.rig.admin("issuer", "remove", "people", "--yes")
    declared.write()
    assert "issuer" in declared.run("diff", expect=10).stdout
    declared.run("apply")
    by_file = declared.shown()
    ours = ("owner", "created_at", "updated_at", "id")
    assert {k: v for k, v in by_file.items() if k not in ours} == {
        k: v for k, v in by_command.items() if k not in ours
    }
    assert by_file["key_source"] == "certificates"
    declared.run("diff")


def test_files_neither_revoke_nor_restore(declared: Declared, tmp_path: Path) -> None:
    declared.write("beside_key: true")
    declared.run("apply")
    declared.revoke()
    assert declared.shown()["revoked"] == SERIALS
    # Neither the same file, nor one with another rule, nor an exported one makes them good again.
    declared.run("diff")
    declared.run("apply")
    declared.write("beside_key: false", "group_claims: [ou]")
    assert "beside_key" in declared.run("diff", expect=10).stdout
    declared.run("apply")
    shown = declared.shown()
    assert (shown["revoked"], shown["beside_key"], shown["group_claims"]) == (SERIALS, False, ["ou"])
    exported = declared.world.rig.admin("export", "--owner", declared.label).stdout
    assert PEOPLE.fingerprint in exported
    assert not any(f"'{serial}'" in exported or f"- {serial}\n" in exported for serial in SERIALS)
    assert "revoked" not in exported
    declared.path.write_text(exported)
    declared.run("diff")
    declared.run("apply")
    assert declared.shown()["revoked"] == SERIALS


def test_a_file_that_names_revoked_certificates_is_refused(declared: Declared) -> None:
    declared.write("revoked: [3a0f91]")
    done = declared.run("apply", expect=2)
    assert "'revoked'" in done.stderr
    assert declared.world.rig.admin_json("issuer", "list") == []


@pytest.mark.parametrize(
    "field",
    [
        "audiences: [here]",
        "algorithms: [RS256]",
        "key_place: https://id.acme.example/jwks",
        "scopes: [mcp]",
        "login_client_id: cli",
    ],
)
def test_what_means_nothing_for_an_authority_is_refused(declared: Declared, field: str) -> None:
    declared.write(field)
    done = declared.run("apply", expect=2)
    assert field.partition(":")[0] in done.stderr
    assert declared.world.rig.admin_json("issuer", "list") == []


def test_an_authority_that_becomes_an_issuer_of_tokens_is_refused(declared: Declared) -> None:
    declared.write()
    declared.run("apply")
    declared.revoke()
    declared.write("audiences: [here]", kind="key_source: discovery")
    assert declared.run("apply", expect=2).stderr
    assert declared.shown()["revoked"] == SERIALS
