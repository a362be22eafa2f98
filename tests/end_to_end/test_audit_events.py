"""The table of docs/audit-events.md lists exactly the events and members that the server records."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.domain.audit.events import ActorKind, AuditAction, Outcome
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import UNKNOWN, Reason
from tests.documents.build import ROOT
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.every_event import (
    SECRETS,
    do_everything,
    events_of,
    events_under,
    find_anomalies,
    prune_old_segments,
    quarantine_a_segment,
)
from tests.end_to_end.faces import FACES
from tests.end_to_end.world import World, running, until
from tests.rig import Rig

# The server records every event that there is before the first test.
pytestmark = pytest.mark.timeout(600)

PAGE = (ROOT / "docs/audit-events.md").read_text()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded values of one action."""

    actors: frozenset[str]
    kinds: frozenset[str]
    outcomes: frozenset[str]
    reasons: frozenset[str]
    members: frozenset[str]


def documented() -> dict[str, Recorded]:
    rows = [[cell.strip() for cell in line.split("|")[1:]] for line in PAGE.splitlines()]
    return {
        cells[0].strip("`"): Recorded(*(frozenset(re.findall(r"`([^`]+)`", cell)) for cell in cells[2:7]))
        for cells in rows
        if cells and re.fullmatch(r"`[a-z-]+:[a-z-]+:[a-z-]+`", cells[0])
    }


def recorded(events: list[dict[str, Any]]) -> dict[str, Recorded]:
    found: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        found.setdefault(event["action"], []).append(event)
    return {
        action: Recorded(
            actors=frozenset(event["actor"]["kind"] for event in those),
            kinds=frozenset(event["resource"]["kind"] for event in those),
            outcomes=frozenset(event["outcome"] for event in those),
            reasons=frozenset(
                re.sub(":.*", ":RIGHT", event["reason"]) for event in those if event.get("reason")
            ),
            members=frozenset(member for event in those for member in event["details"]),
        )
        for action, those in found.items()
    }


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server, cause every event, and send every record to a sink, too."""
    (directory / "gateway-secret").write_text("a secret of the gateway and this server")
    gateway = {"secrets": [f"file://{directory / 'gateway-secret'}"]}
    sinks = {"sinks": [{"type": "stdout"}]}
    with running(directory, prepared, limits=GENEROUS, audit=sinks, gateway=gateway) as started:
        do_everything(started, directory)
        assert started.rig.stop() == 0
        started.start()
        until(lambda: not any(map(is_over, started.ask("GET", "grants")["items"])), "the old grant is gone")
        yield started


def is_over(grant: dict[str, Any]) -> bool:
    return str(grant["expires_at"]).startswith("2020")


@pytest.fixture(scope="module")
def events(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return [
        *events_of(world),
        *prune_old_segments(tmp_path_factory.mktemp("old")),
        *quarantine_a_segment(tmp_path_factory.mktemp("broken")),
        *find_anomalies(tmp_path_factory.mktemp("contradicted")),
    ]


def test_every_action_is_documented_and_recorded(events: list[dict[str, Any]]) -> None:
    assert list(documented()) == [action.value for action in AuditAction]
    assert sorted(recorded(events)) == sorted(action.value for action in AuditAction)


@pytest.mark.parametrize("column", ["actors", "kinds", "members"])
@pytest.mark.parametrize("action", AuditAction)
def test_table_documents_every_recorded_member(
    events: list[dict[str, Any]], action: AuditAction, column: str
) -> None:
    assert sorted(getattr(recorded(events)[action], column)) == sorted(getattr(documented()[action], column))


@pytest.mark.parametrize("column", ["outcomes", "reasons"])
@pytest.mark.parametrize("action", AuditAction)
def test_table_documents_every_recorded_outcome(
    events: list[dict[str, Any]], action: AuditAction, column: str
) -> None:
    """Not every failure can be caused here, but every recorded one is documented."""
    assert getattr(recorded(events)[action], column) <= getattr(documented()[action], column)


def test_table_uses_the_values_of_the_code() -> None:
    rows = documented()
    for kind in CapabilityKind:
        never = {reason for other, reason in UNKNOWN.items() if other is not kind}
        # Only the definitions of tools are approved, and only their arguments fixed or constrained.
        of_tools = {
            Reason.DEFINITION_CHANGED,
            Reason.FIXED_ARGUMENT,
            Reason.ARGUMENTS_UNREADABLE,
            Reason.ARGUMENT_NOT_ALLOWED,
        }
        never |= set() if kind is CapabilityKind.TOOL else of_tools
        assert rows[f"call:{kind.value}:deny"].reasons == {each.value for each in set(Reason) - never}
    assert {word for row in rows.values() for word in row.outcomes} == {each.value for each in Outcome}
    assert {word for row in rows.values() for word in row.actors} == {each.value for each in ActorKind}


def test_no_planted_secret_is_in_the_log_the_index_or_a_sink(
    world: World, events: list[dict[str, Any]]
) -> None:
    newest = max(line["seq"] for line in events_under(world.rig.data_dir / "audit"))
    until(lambda: f'"seq":{newest}' in world.log_text().replace(" ", ""), "the sink has everything")
    with closing(sqlite3.connect(world.rig.data_dir / "ambassador.db")) as database:
        index = str(database.execute("SELECT * FROM audit_events").fetchall())
    log = "\n".join(file.read_text() for file in (world.rig.data_dir / "audit").rglob("*") if file.is_file())
    assert len(events) > 100
    for place in (log, index, world.log_text()):
        assert [secret for secret in SECRETS if secret in place] == []
        assert "[redacted]" in place


ONE_CALL = {
    "none__fine": ["call:tool:deny"],
    "full__fine": ["call:tool:attempt", "call:tool:outcome"],
    "full__wrong": ["call:tool:attempt", "call:tool:outcome"],
    "full__gone": ["call:tool:attempt", "call:tool:outcome"],
    "nothing": ["call:tool:deny"],
}


def actions_by_request(world: World, session_id: str) -> list[list[str]]:
    """Return the recorded actions of each call of a session, in the order of the calls."""
    found: dict[str, list[str]] = {}
    for event in events_of(world):
        if event["session_id"] == session_id and event["action"].startswith("call:"):
            found.setdefault(event["request_id"], []).append(event["action"])
    return list(found.values())


def test_one_call_is_two_records_and_a_refused_one_is_one(world: World) -> None:
    caller = world.caller()
    for face in FACES:
        for tool in ONE_CALL:
            caller.call(face, tool)
            until(lambda: world.ask("GET", "mcps/full")["state"] == "ready", "it is back")
    expected = [*ONE_CALL.values()] * len(FACES)
    until(lambda: actions_by_request(world, caller.session_id) == expected, "just these are recorded")
    caller.disconnect()
    assert actions_by_request(world, caller.session_id) == expected


def test_no_call_has_more_than_two_records(events: list[dict[str, Any]]) -> None:
    requests: dict[str, list[str]] = {}
    for event in events:
        if event["action"].startswith("call:") and not event["action"].endswith((":question", ":answer")):
            requests.setdefault(event["request_id"], []).append(event["action"])
    assert {tuple(actions) for actions in requests.values()} <= {
        tuple(action.replace("tool", kind) for action in actions)
        for actions in ONE_CALL.values()
        for kind in CapabilityKind
    }
