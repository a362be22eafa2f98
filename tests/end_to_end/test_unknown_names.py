"""A name that nothing has is an error that names similar objects; a key that has expired is listed as expired."""

from pathlib import Path

import pytest

from tests.end_to_end.world import World, until

REASON = ("--reason", "test")


@pytest.fixture(scope="module")
def named(world: World) -> World:
    world.ask("POST", "users", {"name": "marianne"})
    world.ask("POST", "groups", {"name": "gardeners"})
    world.ask("POST", "keys", {"user": "marianne", "name": "greenhouse"})
    world.ask("POST", "admin-keys", {"name": "pipeline", "roles": ["auditor"]})
    return world


@pytest.mark.parametrize(
    ("words", "similar"),
    [
        (("user", "show", "marriane"), "marianne"),
        (("user", "update", "Marianne", "--display-name", "M"), "marianne"),
        (("user", "deactivate", "marian", "--yes"), "marianne"),
        (("user", "reset-password", "mariane", "--generate"), "marianne"),
        (("group", "show", "gardner"), "gardeners"),
        (("group", "delete", "gardenrs", "--yes"), "gardeners"),
        (("group", "add-member", "gardeners", "mariane"), "marianne"),
        (("group", "add-member", "gardner", "marianne"), "gardeners"),
        (("group", "remove-member", "gardeners", "mariane"), "marianne"),
        (("mcp", "show", "tool"), "tools"),
        (("mcp", "publish", "tolls"), "tools"),
        (("mcp", "tools", "tols"), "tools"),
        (("key", "issue", "mariane", "--name", "x"), "marianne"),
        (("key", "enrol", "mariane"), "marianne"),
        (("key", "list", "--user", "mariane"), "marianne"),
        (("admin-key", "revoke", "pipline", "--yes"), "pipeline"),
        (("grant", "add", "gardner", "tools"), "gardeners"),
        (("grant", "add", "gardeners", "tols"), "tools"),
        (("kill", "user", "mariane", *REASON), "marianne"),
        (("kill", "group", "gardner", *REASON), "gardeners"),
        (("kill", "mcp", "tols", *REASON), "tools"),
        (("kill", "tool", "tools.ecko", *REASON), "echo"),
        (("kill", "tool-class", "destruct", *REASON), "destructive"),
        (("access", "explain", "mariane", "tools.echo"), "marianne"),
        (("access", "explain", "marianne", "tools.ecko"), "tools.echo"),
        (("access", "explain", "marianne", "tools.echo", "--key", "greenhose"), "greenhouse"),
        (("access", "who-can", "tools.ecko"), "tools.echo"),
        (("access", "who-can", "tools.ech*x"), "tools.echo"),
        (("access", "explain", "marianne", "ecko"), "tools.echo"),
        (("access", "explain", "marianne", "echo"), "tools.echo"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:3]),
)
def test_unknown_name_is_an_error_that_names_a_similar_one(
    named: World, words: tuple[str, ...], similar: str
) -> None:
    before = named.events(action="admin:*")[:1]
    done = named.rig.admin(*words, expect=2 if words[:2] == ("kill", "tool") else 5)
    assert f"'{similar}'" in done.stderr.partition("; near: ")[2], done.stderr
    assert done.stdout == ""
    assert named.events(action="admin:*")[:1] == before


def test_name_in_place_of_an_id_is_answered_with_the_ids(named: World) -> None:
    (key,) = named.rig.admin_json("key", "list", "--user", "marianne")
    refused = named.rig.admin("kill", "key", "greenhouse", *REASON, expect=2)
    assert f"{key['id']} (marianne)" in refused.stderr


def test_expired_key_is_listed_as_expired(named: World) -> None:
    for path, body in (
        ("keys", {"user": "marianne", "name": "short"}),
        ("admin-keys", {"name": "short", "roles": ["auditor"]}),
    ):
        noun = path.removesuffix("s")
        named.ask("POST", path, {**body, "expires_in_seconds": 1})

        def statuses(noun: str = noun) -> set[str]:
            return {each["status"] for each in named.rig.admin_json(noun, "list") if each["name"] == "short"}

        until(lambda: statuses() == {"expired"}, f"the {noun} has expired")
    listed = named.rig.admin_json("key", "list", "--filter", "status=expired")
    assert [(each["user"], each["name"]) for each in listed] == [("marianne", "short")]
    active = named.rig.admin_json("key", "list", "--user", "marianne", "--filter", "status=active")
    assert [each["name"] for each in active] == ["greenhouse"]
    key_id = listed[0]["id"]
    assert named.ask("PATCH", f"keys/{key_id}", {"status": "suspended"})["status"] == "expired"
    assert named.ask("POST", f"keys/{key_id}/revoke")["status"] == "revoked"


@pytest.mark.parametrize("pattern", ["ecko", "ech_*"])
def test_pattern_that_matches_nothing_is_refused_unless_that_is_allowed(
    named: World, tmp_path: Path, pattern: str
) -> None:
    key = named.ask("POST", "keys", {"user": "marianne", "name": named.fresh("key")})["key"]["id"]
    file = tmp_path / "grant.yaml"
    file.write_text(f"owner: x\ngrants: [{{group: gardeners, mcp: tools, tools: ['{pattern}']}}]\n")
    for words in (
        ("subscription", "set", key, "tools", "--tool", pattern),
        ("grant", "add", "gardeners", "tools", "--tool", pattern, "--deny"),
        ("grant", "add", "gardeners", "tools", "--tool", pattern),
        ("apply", "-f", str(file)),
    ):
        before = named.events(action="admin:*")[:1]
        refused = named.rig.admin(*words, expect=2)
        assert f"{pattern}' matches no tool of MCP 'tools' today" in refused.stderr
        assert "near: 'echo'" in refused.stderr
        assert named.events(action="admin:*")[:1] == before
        named.rig.admin(*words, "--allow-unmatched", "--dry-run")
        allowed = named.rig.admin(*words, "--allow-unmatched")
        assert f"{pattern}' matches no tool" in allowed.stderr
        if words[0] == "grant":
            for grant in named.rig.admin_json("grant", "list", "--filter", "group=gardeners"):
                named.ask("DELETE", f"grants/{grant['id']}")
