"""A call of a tool, a resource or a prompt counts once in the audit index of every store."""

from itertools import chain

import pytest

from ambassador_server.domain.audit.call_actions import CallStep
from ambassador_server.domain.audit.call_counting import DECISIONS, once_per_call
from ambassador_server.domain.audit.events import AuditRecord, Outcome
from ambassador_server.domain.audit.query import EVERYTHING, Attribute
from ambassador_server.domain.audit.query_parser import parse_query
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import NOW, answered_call, call_event, position

CALLS = {CapabilityKind.TOOL: 1, CapabilityKind.RESOURCE: 2, CapabilityKind.PROMPT: 3}
"""How many answered calls there are; one call of each kind is denied besides."""
ENDS = {f"call:{kind.value}:outcome": count for kind, count in CALLS.items()}
DENIALS = {f"call:{kind.value}:deny": 1 for kind in CALLS}
ATTEMPTS = {f"call:{kind.value}:attempt": count for kind, count in CALLS.items()}


async def index_calls(store: Store) -> None:
    answered = [answered_call(kind) for kind, count in CALLS.items() for _ in range(count)]
    denied = [call_event(kind, CallStep.DENY, Outcome.DENIED) for kind in CALLS]
    records = [
        AuditRecord(writer="w1", seq=seq, digest=f"{seq:064x}", event=each)
        for seq, each in enumerate(chain(*answered, denied), 1)
    ]
    async with store.write() as work:
        await work.audit.insert(records, position(len(records)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ENDS | DENIALS),
        ("action~call:*", ENDS | DENIALS),
        ("kind=resource", {"call:resource:outcome": 2, "call:resource:deny": 1}),
        ("tool=git.read", {"call:tool:outcome": 1, "call:tool:deny": 1}),
        ("decision=deny", DENIALS),
        ("action~*:attempt", ATTEMPTS),
        (
            "action=call:tool:attempt or action~call:prompt:*",
            {"call:tool:attempt": 1, "call:prompt:outcome": 3, "call:prompt:deny": 1},
        ),
    ],
)
async def test_calls_are_counted_by_their_ends(store: Store, query: str, expected: dict[str, int]) -> None:
    await index_calls(store)
    async with store.read() as work:
        counted = await work.audit.counts(once_per_call(parse_query(query, NOW)), Attribute.ACTION, top=20)
    assert dict(counted.values) == expected
    assert counted.total == sum(expected.values())


async def test_calls_are_counted_by_hour_and_by_decision(store: Store) -> None:
    await index_calls(store)
    async with store.read() as work:
        [hour] = (await work.audit.hours(once_per_call(EVERYTHING), last=2)).hours
        decisions = await work.audit.counts(DECISIONS, Attribute.OUTCOME, top=5)
    assert (hour.count, hour.denied) == (9, 3)
    assert dict(decisions.values) == {"permitted": 6, "denied": 3}
