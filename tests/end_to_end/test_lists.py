"""Lists over HTTP: query parameters, the total, and cursors that are valid only for their query."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.world import World, assert_nothing_internal

LISTS = (
    *("users", "groups", "mcps", "grants", "keys", "subscriptions", "sessions", "kill-switches"),
    "mcps/tools/tools",
)


def get(world: World, path: str, *query: tuple[str, str]) -> httpx.Response:
    return world.admin.get(f"/v1/admin/{path}", params=httpx.QueryParams(query))


def page(world: World, path: str, *query: tuple[str, str]) -> dict[str, Any]:
    answer = get(world, path, *query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def walk(world: World, path: str, *query: tuple[str, str]) -> list[Any]:
    """Follow the cursors, one item at a time, and assert that each total equals the number of items."""
    items: list[Any] = []
    totals = set()
    cursor: tuple[tuple[str, str], ...] = ()
    for _ in range(100):
        found = page(world, path, ("limit", "1"), *query, *cursor)
        items += found["items"]
        totals.add(found["total"])
        if found["next_cursor"] is None:
            assert totals == {len(items)}
            return items
        cursor = (("cursor", found["next_cursor"]),)
    raise AssertionError("the list never ends")


@pytest.fixture(scope="module")
def staff(world: World) -> list[str]:
    """Create four users in two groups, the second suspended, the last with a session."""
    one, two = world.group("tools"), world.group()
    names = [world.person(one).name, world.person(one).name, world.person(two).name]
    last = world.person(one, two)
    world.session(last)
    world.ask("PATCH", f"users/{names[1]}", {"status": "suspended"})
    world.ask("POST", "kill-switches", {"scope": "user", "target": names[2], "reason": "test"})
    return [one, two, *names, last.name]


def test_conditions_are_combined_and_counted(world: World, staff: list[str]) -> None:
    one, _, first, second, third, last = staff
    group = ("filter", f"group={one}")
    found = page(world, "users", group, ("filter", "status=active"), ("sort", "-name"), ("limit", "1"))
    assert [each["name"] for each in found["items"]] == [last]
    assert found["total"] == 2
    assert [each["name"] for each in walk(world, "users", group)] == [first, second, last]
    assert [each["name"] for each in walk(world, "users", group, ("sort", "-name"))] == [last, second, first]
    assert [each["name"] for each in walk(world, "users", ("filter", f"name~*{third[2:]}"))] == [third]
    keys = [each["user"] for each in walk(world, "keys", ("sort", "-user"), ("filter", "user~person-*"))]
    assert keys == [last, third, second, first]
    assert {each["group"] for each in walk(world, "grants", ("filter", f"group={one}"))} == {one}


def test_earlier_query_parameters_still_filter_a_list(world: World, staff: list[str]) -> None:
    last, third = staff[-1], staff[-2]
    assert [each["user"] for each in walk(world, "keys", ("user", last))] == [last]
    assert [each["user"] for each in walk(world, "sessions", ("user", last))] == [last]
    assert walk(world, "sessions", ("user", third)) == []
    assert get(world, "keys", ("user", "nobody")).status_code == 404
    target = ("filter", f"target={third}")
    (switch,) = walk(world, "kill-switches", target)
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert walk(world, "kill-switches", target) == []
    assert [each["id"] for each in walk(world, "kill-switches", target, ("all", "true"))] == [switch["id"]]


def test_lists_from_memory_accept_the_same_parameters(world: World, staff: list[str]) -> None:
    tools = page(world, "mcps/tools/tools")["items"]
    names = [each["name"] for each in tools]
    assert len(names) > 1
    assert names == sorted(names)
    assert [each["name"] for each in walk(world, "mcps/tools/tools", ("sort", "-name"))] == names[::-1]
    one = walk(world, "mcps/tools/tools", ("filter", f"name={names[0]}"))
    assert one == tools[:1]
    may = walk(world, "access/who-can", ("tool", names[0]), ("filter", f"group={staff[0]}"))
    assert [each["name"] for each in may] == [staff[2], staff[5]]


@pytest.mark.parametrize("path", LISTS)
def test_unknown_fields_and_parameters_are_refused(world: World, path: str) -> None:
    for query, said in (
        (("filter", "nmae=x"), "nmae"),
        (("filter", "name"), "FIELD=VALUE"),
        (("filter", f"name={'x' * 513}"), "nown are name" if path == "sessions" else "512"),
        (("sort", "nonsense"), "nown are"),
        (("sort", ""), "nown are"),
        (("fliter", "name=x"), "fliter"),
    ):
        answer = get(world, path, query)
        assert answer.status_code == 400, answer.text
        assert said in answer.json()["detail"] or "512" in answer.json()["detail"]
        assert_nothing_internal(answer.text)
    assert get(world, path, *[("filter", "x=y")] * 21).status_code == 400


def test_cursor_is_valid_only_for_its_own_query(world: World, staff: list[str]) -> None:
    query = (("filter", "name~person-*"), ("sort", "-created_at"), ("limit", "1"))
    cursor = ("cursor", page(world, "users", *query)["next_cursor"])
    assert get(world, "users", query[2], cursor, query[1], query[0]).status_code == 200
    assert get(world, "users", *query[:2], ("limit", "7"), cursor).status_code == 200
    for other in (query[:1], query[1:], (*query, query[0]), (query[0], ("sort", "created_at"))):
        refused = get(world, "users", *other, cursor)
        assert (refused.status_code, "another path, filter or sort" in refused.text) == (400, True)
    assert get(world, "groups", *query, cursor).status_code == 400


def _cursor(*members: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "x",
        "alice",
        "%00",
        "é",
        "====",
        _cursor(),
        _cursor("m", None),
        _cursor("m", 1, "i"),
        _cursor("m", "s", None),
        _cursor({"m": 1}),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_invalid_cursor_is_refused(world: World, garbage: str) -> None:
    answer = get(world, "users", ("cursor", garbage))
    assert answer.status_code == 400
    assert "repeat without it" in answer.json()["detail"]
    assert_nothing_internal(answer.text)


def test_forged_cursor_is_refused_or_is_another_position(world: World, staff: list[str]) -> None:
    mark = json.loads(
        base64.urlsafe_b64decode(
            page(world, "users", ("sort", "created_at"), ("limit", "1"))["next_cursor"] + "=="
        )
    )[0]
    for sort, status in (
        ("2026-01-01T00:00:00+00:00", 200),
        (None, 200),
        ("2026-01-01", 400),
        ("0001-01-01T00:00:00+23:59", 400),
        ("yesterday", 400),
        ("\0", 400),
        ("\ud800", 400),
    ):
        answer = get(world, "users", ("sort", "created_at"), ("cursor", _cursor(mark, sort, "x")))
        assert answer.status_code == status, answer.text
        assert_nothing_internal(answer.text)


def test_no_request_caused_an_internal_error(world: World, directory: Path) -> None:
    assert "unhandled error" not in world.log_text()
