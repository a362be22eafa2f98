"""Permissions of another gateway, imported, are what its rules say, and escaped slashes are no way around them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.test_access_tokens import SECRET, URL, issuer, token, user
from tests.end_to_end.world import Caller, World, assert_nothing_internal

__all__ = ["issuer", "user"]

ESCAPED = [
    "..%2fslow",
    "tools__..%2fslow",
    "tools.echo%2f..%2fslow",
    "tools__echo/../slow",
    "tools:..%2Fslow",
    "%2e%2e%2fslow",
]


def import_permissions(
    world: World, directory: Path, issuer: dict[str, Any], permissions: Any, options: Any
) -> None:
    """Import permissions of the gateway, as an administrator does, for the issuer that is there."""
    config = {
        "auth": {
            "claims": ["groups"],
            "mappings": {"groups:eng": ["read"], "groups:ops": ["write"]},
            "permissions": permissions,
            "options": options,
        },
        "proxy": {"servers": [{"name": "tools"}]},
    }
    (directory / "gateway.json").write_text(json.dumps(config))
    words = ("issuer", "import", str(directory / "gateway.json"), "--name", "realm", "--url", URL)
    (document,) = [world.rig.admin_json(*words, "--audience", "ambassador")]
    (document["issuers"][0]).update(
        algorithms=["HS256"],
        key_source="secret",
        key_place=issuer["key_place"],
        group_prefix="realm.",
    )
    assert SECRET not in json.dumps(document)
    path = directory / "imported.json"
    path.write_text(json.dumps(document | {"owner": "ci/import"}))
    if any(each["name"] == "realm" for each in world.ask("GET", "issuers")["items"]):
        world.ask("DELETE", "issuers/realm")
    world.rig.admin("apply", "-f", str(path), "--prune", "--yes", "--allow-unmatched")


@pytest.fixture
def _imported(world: World, directory: Path, issuer: dict[str, Any]) -> None:
    permissions = {"tools:ech*": ["read", "write"], "tools:..%2f*": ["read"], "tools:s*": ["write"]}
    import_permissions(world, directory, issuer, permissions, {"scope_mode": "any", "default_scope": None})


@pytest.mark.parametrize("face", FACES, ids=str)
def test_what_a_narrower_pattern_takes_from_everyone_is_denied(
    world: World, directory: Path, issuer: dict[str, Any], user: str, face: Face
) -> None:
    """No scope that anybody has suffices for `tools:s*`, and default_scope has nothing left to give."""
    permissions = {"*": ["write"], "tools:*": ["read", "write"], "tools:s*": ["nobody"]}
    import_permissions(world, directory, issuer, permissions, {"scope_mode": "any", "default_scope": "mcp"})
    for groups, may in ((["eng"], True), (["eng", "ops"], True), (["sales"], False), ([], False)):
        caller = Caller(world.http, token(user, *groups))
        names = caller.names(face)
        assert ("tools__echo" in names) is may
        assert not [each for each in names if each.startswith("tools__s")]
        assert caller.call(face, "tools__echo", {"text": "hello"}).succeeded is may
        assert not caller.call(face, "tools__slow", {"seconds": 0}).succeeded


@pytest.mark.usefixtures("_imported")
@pytest.mark.parametrize("face", FACES, ids=str)
def test_lists_and_calls_are_those_of_the_gateway(world: World, user: str, face: Face) -> None:
    for groups, may in (
        (["eng"], True),
        (["ops"], True),
        (["eng", "ops"], True),
        (["sales"], False),
        ([], False),
    ):
        caller = Caller(world.http, token(user, *groups))
        assert ("tools__echo" in caller.names(face)) is may
        assert caller.call(face, "tools__echo", {"text": "hello"}).succeeded is may
        assert ("tools__slow" in caller.names(face)) is ("ops" in groups)


@pytest.mark.usefixtures("_imported")
@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("name", ESCAPED)
def test_an_escaped_slash_reaches_no_other_tool(world: World, user: str, face: Face, name: str) -> None:
    caller = Caller(world.http, token(user, "eng"))
    answer = caller.call(face, name, {"text": "must not run", "seconds": 0})
    assert not answer.succeeded
    assert_nothing_internal(json.dumps(answer.body))
    assert caller.call(face, "tools__echo", {"text": "again"}).succeeded
