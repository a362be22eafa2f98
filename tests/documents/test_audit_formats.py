"""docs/audit-export.md says what the formats of other gateways hold, row by row, and so do their converters."""

import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest

from ambassador_protocol.audit.foreign import FORMATS, converter, original, secure_gateway
from ambassador_server.audit_sinks.shared.options import SinkOptions
from ambassador_server.domain.audit.events import AuditAction, Outcome
from tests.documents.build import ROOT

PAGE = (ROOT / "docs/audit-export.md").read_text(encoding="utf-8")
NINE = [
    *("timestamp", "event", "user", "client_id", "tool", "downstream_mcp"),
    *("request", "response", "authorization"),
]
FLAT = [
    *("timestamp", "level", "logger", "message", "event_type", "user", "action", "mcp_server", "tool_name"),
    *("parameters", "status", "policy_decision", "duration_ms", "response_status", "error", "ip_address"),
]


def section(name: str) -> list[list[list[str]]]:
    """Return the tables of a section, each as its rows without the head."""
    text = re.split(r"^## ", PAGE.partition(f"\n## {name}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    tables: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        tables.append(rows[2:])
    return tables


def event(action: str = "call:tool:outcome", outcome: str = "failed", **changes: Any) -> dict[str, Any]:
    """Return an event in which every field has a value of its own."""
    details = {
        "arguments": {"city": "Bern"},
        "milliseconds": 12.6,
        "result_bytes": 77,
        "result_sha256": "5ba1",
        "is_error": True,
        "grant": "grant-1",
        "switch": "switch-1",
        "limit": "limit-1",
        "method": "tools/call",
    }
    base = {
        "id": "main:9",
        "cursor": 4,
        "writer": "main",
        "seq": 9,
        "digest": "d1",
        "at": "2026-05-04T12:00:00Z",
        "action": action,
        "outcome": outcome,
        "actor": {"kind": "user", "id": "u-1", "name": "alice", "key_id": "k-1", "key_name": "laptop"},
        "resource": {"kind": "tool", "id": "m-1", "name": "git.log.all"},
        "reason": "failed",
        "request_id": "request-1",
        "session_id": "s-1",
        "source": "192.0.2.7",
        "details": details,
    }
    return base | changes


def at(value: Mapping[str, Any], path: str) -> Any:
    found: Any = value
    for name in path.split("."):
        found = found[name]
    return found


def test_the_formats_have_exactly_their_members() -> None:
    assert list(original.convert(event())) == NINE
    assert list(secure_gateway.convert(event("call:tool:deny", "denied"))) == FLAT
    assert [row[0].strip("`").partition(".")[0] for row in section("original")[0]] == sorted(
        [row[0].strip("`").partition(".")[0] for row in section("original")[0]], key=NINE.index
    )
    named = [name for row in section("secure_gateway")[0] for name in re.findall(r"`(\w+)`", row[0])]
    assert named == FLAT


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_that_names_a_field_holds_its_value(name: str) -> None:
    tried = 0
    for action, outcome in (("call:tool:outcome", "failed"), ("call:tool:attempt", "permitted")):
        source = event(action, outcome)
        converted = converter(name)(source)
        for member, field, *_ in section(name)[0]:
            only = re.fullmatch(r"`([\w.]+)`(?:, by which .*)?", field)
            if only is None or (outcome == "permitted" and member.startswith("`response.")):
                continue
            if member.startswith("`authorization.reason") and action != "call:tool:attempt":
                continue
            assert at(converted, member.strip("`")) == at(source, only[1]), member
            tried += 1
    assert tried >= 6


@pytest.mark.parametrize("action", ["call:tool:outcome", "call:tool:attempt", "call:tool:deny", "admin:a:b"])
def test_the_table_of_the_original_has_every_member(action: str) -> None:
    rows = {row[0].strip("`") for row in section("original")[0]}

    def check(members: Mapping[str, Any], before: str) -> None:
        for name, value in members.items():
            path = f"{before}{name}"
            if path not in rows:
                if value is None:
                    continue
                assert isinstance(value, dict), path
                check(value, f"{path}.")

    outcome = {"attempt": "permitted", "deny": "denied"}.get(action.rpartition(":")[2], "failed")
    check(original.convert(event(action, outcome)), "")


def test_the_words_of_events_are_those_of_the_code() -> None:
    assert section("original")[1] == [
        [f"`{rule.action}`", "" if rule.outcome is None else f"`{rule.outcome}`", f"`{rule.word}`"]
        for rule in original.EVENTS
    ]
    assert section("secure_gateway")[1] == [
        [f"`{rule.action}`", f"`{rule.word}`"] for rule in secure_gateway.EVENT_TYPES
    ]


def test_the_statuses_are_those_of_the_code() -> None:
    rows = {row[0].strip("`"): row[1] for row in section("secure_gateway")[0]}
    assert set(secure_gateway.STATUSES) == set(Outcome)
    assert set(re.findall(r"`(\w+)`", rows["status"])) >= set(secure_gateway.STATUSES.values())
    assert set(map(str, secure_gateway.RESPONSE_STATUSES.values())) == set(
        re.findall(r"50\d", rows["response_status"])
    )
    assert set(secure_gateway.ACTIONS.values()) <= set(re.findall(r"`(\w+)`", rows["action"]))


@pytest.mark.parametrize("name", FORMATS)
def test_every_event_can_be_converted(name: str) -> None:
    for action, outcome in itertools.product(AuditAction, Outcome):
        check_members(name, action, outcome)


def check_members(name: str, action: AuditAction, outcome: Outcome) -> None:
    kind = action.split(":")[1]
    for resource in ({"kind": kind, "id": None, "name": None}, {"kind": kind, "id": "m", "name": "x"}):
        found = converter(name)(event(action, outcome, resource=resource, details={}, reason=None))
        assert set(found) <= set(NINE if name == "original" else FLAT)


def test_a_name_is_taken_apart_only_where_it_leads_to_an_mcp() -> None:
    known = original.convert(event())
    assert (known["downstream_mcp"], known["tool"]) == ("git", "log.all")
    said = original.convert(event(resource={"kind": "tool", "id": None, "name": "git.log"}))
    assert (said["downstream_mcp"], said["tool"]) == (None, "git.log")
    uri = original.convert(event(resource={"kind": "resource", "id": "m-1", "name": "file:///a.b"}))
    assert (uri["downstream_mcp"], uri["tool"]) == ("m-1", "file:///a.b")
    entry = original.convert(event("admin:mcp:publish", resource={"kind": "mcp", "id": "m-1", "name": "git"}))
    assert (entry["downstream_mcp"], entry["tool"], entry["authorization"]) == (
        "git",
        None,
        {"grant": "grant-1", "kill_switch": "switch-1", "limit": "limit-1"},
    )


def test_no_detail_is_lost_in_the_original() -> None:
    details = {"before": {"a": 1}, "after": {"a": 2}}
    assert (
        original.convert(event("admin:user:update", "succeeded", details=details))["request"]["details"]
        == details
    )


def test_an_omitted_body_is_told() -> None:
    found = secure_gateway.convert(event("call:tool:attempt", "permitted", details={"omitted_bytes": 9}))
    assert found["parameters"] == {"omitted_bytes": 9}


def test_sinks_send_the_same_formats() -> None:
    schema = SinkOptions.model_json_schema()["properties"]["format"]
    assert schema["enum"] == ["ambassador", *FORMATS]
