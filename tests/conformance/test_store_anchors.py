"""The anchors of audit logs in every store."""

from dataclasses import replace

import pytest

from ambassador_server.domain.audit.anchors import Anchor
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.store import Store
from ambassador_server.storage.value_checks import MAX_KEY
from tests.conformance.store_samples import HOUR, NOW

ANCHOR = Anchor(writer="main", seq=2**40, digest="ab" * 32, segment=3, at=NOW)


async def stored(store: Store) -> list[Anchor]:
    async with store.read() as work:
        return await work.anchors.all()


async def test_anchor_is_stored_unchanged_and_replaced_by_the_next(store: Store) -> None:
    other = replace(ANCHOR, writer="another")
    async with store.write() as work:
        await work.anchors.put(ANCHOR)
        await work.anchors.put(other)
    assert await stored(store) == [other, ANCHOR]
    later = replace(ANCHOR, seq=1, digest="cd" * 32, segment=1, at=NOW + HOUR)
    async with store.write() as work:
        await work.anchors.put(later)
    assert await stored(store) == [other, later]


async def test_only_the_anchor_of_the_writer_is_removed(store: Store) -> None:
    async with store.write() as work:
        await work.anchors.put(ANCHOR)
        await work.anchors.remove("another")
    assert await stored(store) == [ANCHOR]
    async with store.write() as work:
        await work.anchors.remove("main")
    assert await stored(store) == []


async def test_anchor_of_a_failed_transaction_is_not_stored(store: Store) -> None:
    async def fail() -> None:
        async with store.write() as work:
            await work.anchors.put(ANCHOR)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await stored(store) == []


async def test_too_long_a_writer_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInputError):
        async with store.write() as work:
            await work.anchors.remove("x" * (MAX_KEY + 1))
