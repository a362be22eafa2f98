"""The positions of audit sinks in every store."""

import pytest

from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.store import Store
from ambassador_server.storage.value_checks import MAX_KEY

POSITION = LogPosition(seq=2**40, segment=3, offset=2**41)
EARLIER = LogPosition(seq=1, segment=1, offset=1)


async def stored(store: Store, node: str = "one", sink: str = "siem") -> dict[str, LogPosition]:
    async with store.read() as work:
        return dict(await work.sink_positions.of(node, sink))


async def test_positions_are_stored_unchanged_and_replaced_by_writer(store: Store) -> None:
    assert await stored(store) == {}
    async with store.write() as work:
        await work.sink_positions.put("one", "siem", {"one": POSITION, "one-init": EARLIER})
    async with store.write() as work:
        await work.sink_positions.put("one", "siem", {"one": EARLIER})
        await work.sink_positions.put("one", "siem", {})
    assert await stored(store) == {"one": EARLIER, "one-init": EARLIER}


async def test_servers_and_sinks_have_positions_of_their_own(store: Store) -> None:
    async with store.write() as work:
        await work.sink_positions.put("one", "siem", {"one": POSITION})
        await work.sink_positions.put("two", "siem", {"one": EARLIER})
        await work.sink_positions.put("one", "archive", {"two": EARLIER})
    assert await stored(store) == {"one": POSITION}
    assert await stored(store, node="two") == {"one": EARLIER}
    assert await stored(store, sink="archive") == {"two": EARLIER}


async def test_positions_of_a_failed_transaction_are_not_stored(store: Store) -> None:
    async def fail() -> None:
        async with store.write() as work:
            await work.sink_positions.put("one", "siem", {"one": POSITION})
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await stored(store) == {}


async def test_what_a_database_cannot_store_is_refused(store: Store) -> None:
    for positions in ({"x" * (MAX_KEY + 1): POSITION}, {"one": LogPosition(seq=2**63, segment=1, offset=1)}):
        with pytest.raises(InvalidInputError):
            async with store.write() as work:
                await work.sink_positions.put("one", "siem", positions)
    with pytest.raises(InvalidInputError):
        await stored(store, sink="x" * (MAX_KEY + 1))
