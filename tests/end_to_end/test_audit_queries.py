"""Queries and the stream of the audit API use the same language and the same cursors."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.end_to_end.world import World
from tests.patience import PATIENCE

EVENTS = "/v1/admin/audit/events"
STREAM = "/v1/admin/audit/stream"


def found(world: World, **query: Any) -> list[dict[str, Any]]:
    answer = world.admin.get(EVENTS, params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def make_groups(world: World, *names: str) -> None:
    for name in names:
        world.ask("POST", "groups", {"name": name})


@contextmanager
def listening(world: World, **query: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """Yield the events of a stream, each as a mapping of its fields."""
    with world.admin.stream("GET", STREAM, params=query, timeout=PATIENCE) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in answer.iter_lines():
        if not line:
            yield event
            event = {}
        else:
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value


def test_query_forms_are_equivalent(world: World) -> None:
    make_groups(world, "one", "two")
    asked: list[dict[str, Any]] = [
        {"q": "action=admin:group:create resource=one"},
        {"where": "action=admin:group:create and not (resource!=one)"},
        {"q": "kind=group", "where": "resource in (one, 'x y')", "action": "admin:group:*"},
        {"action": "admin:group:create", "resource": "one"},
        {"q": "resource=one", "since": "1h", "outcome": "succeeded"},
    ]
    answers = [found(world, **query) for query in asked]
    assert [len(answer) for answer in answers] == [1] * len(asked)
    assert all(answer == answers[0] for answer in answers)
    assert found(world, q="resource=one", now="2020-01-01", until="1h") == []


def test_error_names_the_wrong_parameter_and_position(world: World) -> None:
    answer = world.admin.get(EVENTS, params={"q": "user=a", "where": "user=a andd b"})
    assert answer.status_code == 400
    problem = answer.json()
    assert (problem["parameter"], problem["position"]) == ("where", 7)
    assert problem["detail"].startswith("where: Nothing can be found by 'andd'; did you mean")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("events?q=action%3Dcall:tool:dney", "call:tool:deny"),
        ("events?q=outcome%3Dsuceeded", "succeeded"),
        ("statistics?by=usr", "user"),
        ("statistics?by=huor", "hour"),
    ],
)
def test_misspelt_word_of_a_query_has_near_matches(world: World, path: str, meant: str) -> None:
    answer = world.admin.get(f"{EVENTS.rpartition('/')[0]}/{path}")
    assert answer.status_code == 400
    assert f"did you mean '{meant}'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("events?where=" + "(" * 4000, 400),
        ("events?q=" + "user%3Da%20" * 101, 400),
        ("events?now=1h", 400),
        ("statistics?by=digest", 400),
        ("statistics?top=x", 400),
        ("statistics?bye=tool", 400),
        ("stream?after=-1", 400),
        ("stream?where=x", 400),
        ("traces/nobody", 404),
        ("traces/main:999999999", 404),
        ("traces/%00", 404),
    ],
)
def test_unusual_queries_are_answered(world: World, path: str, status: int) -> None:
    answer = world.admin.get(f"/v1/admin/audit/{path}")
    assert answer.status_code == status, answer.text


def test_trace_joins_the_events_of_a_request(world: World) -> None:
    make_groups(world, "traced")
    event = found(world, q="resource=traced")[0]
    for name in (event["request_id"], event["id"]):
        trace = world.ask("GET", f"audit/traces/{name}")
        assert [each["id"] for each in trace["events"]] == [event["id"]]
        assert (trace["request_id"], trace["outcome"]) == (event["request_id"], "succeeded")
        assert trace["decision"] is None


def test_statistics_count_what_the_query_finds(world: World) -> None:
    make_groups(world, "a1", "a2", "a3")
    made = {"q": "action=admin:group:create", "by": "resource", "top": "2"}
    counts = world.admin.get("/v1/admin/audit/statistics", params=made).json()
    total = len(found(world, q="action=admin:group:create"))
    assert counts["total"] == total
    assert counts["other"] == total - sum(each["count"] for each in counts["values"])
    assert len(counts["values"]) == 2
    decided = world.admin.get("/v1/admin/audit/statistics", params={"by": "decision"}).json()
    assert {each["value"] for each in decided["values"]} <= {"permit", "deny"}


def test_stream_sends_new_events_and_continues_after_a_cursor(world: World) -> None:
    with listening(world, q="kind=group resource~streamed*") as stream:
        begin = next(stream)
        assert begin.keys() == {"id"}
        make_groups(world, "streamed-1", "other", "streamed-2")
        told = []
        while len(told) < 2:
            told += [event for event in [next(stream)] if "data" in event]
    assert [event["data"]["resource"]["name"] for event in told] == ["streamed-1", "streamed-2"]
    again = {"q": "resource~streamed*", "after": told[0]["id"]}
    with listening(world, **again) as stream:
        assert next(event for event in stream if "data" in event)["id"] == told[1]["id"]


def test_stream_reports_a_gap_after_a_rebuild_of_the_index(world: World) -> None:
    with listening(world, after="999999999") as stream:
        assert next(stream) == {"event": "gap", "data": {}}


def test_stream_ends_when_the_key_is_revoked(world: World) -> None:
    key = world.ask("POST", "admin-keys", {"name": "listener", "roles": ["auditor"]})["admin_key"]
    with (
        httpx.Client(
            base_url=str(world.admin.base_url), verify=False, headers={"X-Admin-Key": key}
        ) as client,
        client.stream("GET", STREAM, timeout=PATIENCE) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines).startswith("id: ")
        threading.Timer(0.0, world.ask, ["POST", "admin-keys/listener/revoke"]).start()
        assert all(line == "" or line.startswith(("id: ", "data: ")) for line in lines)


def test_subject_finds_who_gave_a_user_access(world: World) -> None:
    """A query, the counts, an export and the stream agree on the events that are about a user."""
    make_groups(world, "subject-group", "other-group")
    for name in ("subject-user", "other-user"):
        world.ask("POST", "users", {"name": name})
    world.ask("PUT", "groups/subject-group/members/other-user")
    world.ask("PUT", "groups/subject-group/members/subject-user")
    world.ask("POST", "mcps", {"name": "subject-mcp", "transport": "stdio", "options": {"command": ["none"]}})
    granted = world.ask("POST", "grants", {"group": "subject-group", "mcp": "subject-mcp"})["id"]
    world.ask("POST", "grants", {"group": "other-group", "mcp": "subject-mcp"})
    key = world.ask("POST", "keys", {"user": "subject-user", "name": "desk"})["key"]["id"]
    world.ask("POST", f"keys/{key}/revoke")
    world.ask("DELETE", "groups/subject-group/members/subject-user")
    expected = [
        "admin:user:create",
        "admin:group:add-member",
        "admin:grant:add",
        "admin:key:issue",
        "admin:key:revoke",
        "admin:group:remove-member",
    ]
    events = found(world, q="subject=subject-user")[::-1]
    assert [event["action"] for event in events] == expected
    assert events[2]["resource"]["id"] == granted
    assert found(world, subject="subject-user")[::-1] == events
    counted = world.admin.get("/v1/admin/audit/statistics", params={"q": "subject=subject-user"}).json()
    assert counted["total"] == len(events)
    lines = world.rig.admin("audit", "export", "subject=subject-user").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [event["id"] for event in events]
    tailed = world.rig.admin("audit", "tail", "subject=subject-user").stdout.splitlines()
    assert [json.loads(line)["id"] for line in tailed] == [event["id"] for event in events]
    with listening(world, q="subject=subject-user", after="0") as stream:
        sent = (event["data"]["id"] for event in stream if "data" in event)
        assert [next(sent) for _ in events] == [event["id"] for event in events]


def test_events_are_not_counted_by_subject(world: World) -> None:
    answer = world.admin.get("/v1/admin/audit/statistics", params={"by": "subject"})
    assert answer.status_code == 400
