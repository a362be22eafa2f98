"""PUT by name is idempotent, changes only the given fields, and refuses an outdated revision."""

from typing import Any

import httpx
import pytest

from tests.end_to_end.world import World

PUTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("groups", {"description": "Ours"}, {"status": "suspended"}),
    ("users", {"display_name": "Alice", "roles": ["operator"]}, {"email": "a@example.com", "roles": []}),
    (
        "mcps",
        {"transport": "stdio", "options": {"command": "no-such-command"}, "tags": ["a"]},
        {"description": "Ours", "options": {"command": "another", "args": ["--flag"]}},
    ),
]
NEVER_DELETED = {"users"}
CHANGES = [
    pytest.param(noun, first, second, method, id=f"{method}-{noun}")
    for noun, first, second in PUTS
    for method in ("PUT", "PATCH", "DELETE")
    if method != "DELETE" or noun not in NEVER_DELETED
]


def send(world: World, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    return world.admin.request(method, f"/v1/admin/{path}", json=body, headers=headers)


@pytest.mark.parametrize(("noun", "first", "second"), PUTS)
def test_put_is_idempotent_and_keeps_other_fields(
    world: World, noun: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    path = f"{noun}/{world.fresh('thing')}"
    created = send(world, "PUT", path, first)
    again = send(world, "PUT", path, first)
    changed = send(world, "PUT", path, second)
    assert (created.status_code, again.status_code, changed.status_code) == (201, 200, 200)
    assert again.headers["ETag"] == created.headers["ETag"] != changed.headers["ETag"]
    assert again.json() == created.json()
    assert changed.json().items() >= (first | second).items()


@pytest.mark.parametrize(("noun", "first", "second", "method"), CHANGES)
def test_change_of_an_outdated_revision_is_refused(
    world: World, noun: str, first: dict[str, Any], second: dict[str, Any], method: str
) -> None:
    path = f"{noun}/{world.fresh('thing')}"
    seen = send(world, "PUT", path, first).headers["ETag"]
    assert send(world, "PATCH", path, second).status_code == 200
    body = None if method == "DELETE" else first
    late = send(world, method, path, body, **{"If-Match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "AMB-1011")
    assert send(world, "GET", path).json().items() >= (first | second).items()
    now = send(world, "GET", path).headers["ETag"]
    assert send(world, method, path, body, **{"If-Match": now}).is_success


@pytest.mark.parametrize(("noun", "first", "second", "method"), CHANGES)
def test_if_match_any_needs_an_existing_object(
    world: World, noun: str, first: dict[str, Any], second: dict[str, Any], method: str
) -> None:
    path = f"{noun}/{world.fresh('thing')}"
    body = None if method == "DELETE" else first
    assert send(world, method, path, body, **{"If-Match": "*"}).status_code in {404, 412}
    assert send(world, "GET", path).status_code == 404
