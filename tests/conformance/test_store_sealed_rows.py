"""Everything that is sealed, in every store: found by its master key, and sealed again without another change."""

from dataclasses import replace

import pytest

from ambassador_server.ports.sealed_rows import SealedKind, SealedRow
from ambassador_server.ports.store import Store
from ambassador_server.ports.vault import Sealed
from tests.conformance.store_samples import (
    HOUR,
    NOW,
    add_owners,
    credential,
    mcp,
    pending,
    registration,
    secret,
)

AGAIN = Sealed(9, b"again")


@pytest.fixture(autouse=True)
async def rows(store: Store) -> None:
    """Store rows of each kind under the keys 1 and 2, and one under 3."""
    async with store.write() as work:
        await add_owners(work)
        await work.mcps.add(mcp(2))
        await work.credentials.add(credential(1))
        await work.credentials.add(credential(2))
        for credential_id, field, number in (("c1", "a", 1), ("c1", "b", 2), ("c2", "a", 1), ("c2", "b", 3)):
            await work.secrets.put(secret(field, credential_id=credential_id, key_number=number))
        for number in (1, 2):
            issuer = f"https://{number}.example"
            await work.registrations.add(registration(number, issuer=issuer, key_number=number))
            await work.pending.add(pending(number, state_digest=f"s{number}", key_number=number))


def place(row: SealedRow) -> tuple[str, ...]:
    return row.kind, row.item_id, row.user_id, row.mcp_id, row.field


async def test_rows_of_every_kind_are_counted_by_their_key(store: Store) -> None:
    async with store.read() as work:
        await work.sealed.wait_for_writers()
        assert dict(await work.sealed.key_counts()) == {1: 4, 2: 3, 3: 1}
        only = await work.sealed.one(3)
        assert only is not None
        assert place(only) == ("value", "c2", "u1", "m2", "b")
        assert only.sealed == Sealed(3, secret().sealed)
        assert await work.sealed.one(4) is None


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_rows_of_older_keys_are_read_in_portions(store: Store, limit: int) -> None:
    found: list[SealedRow] = []
    async with store.read() as work:
        while portion := await work.sealed.before(3, limit=limit, after=found[-1] if found else None):
            assert len(portion) <= limit
            found += portion
        assert await work.sealed.before(1, limit=10) == []
    assert [place(row) for row in found] == [
        ("pending", "p1", "u1", "m1", ""),
        ("pending", "p2", "u1", "m1", ""),
        ("registration", "r1", "", "m1", ""),
        ("registration", "r2", "", "m1", ""),
        ("value", "c1", "u1", "m1", "a"),
        ("value", "c1", "u1", "m1", "b"),
        ("value", "c2", "u1", "m2", "a"),
    ]


@pytest.mark.parametrize("kind", SealedKind)
async def test_what_is_sealed_is_replaced_and_nothing_else(store: Store, kind: SealedKind) -> None:
    async with store.write() as work:
        rows = [row for row in await work.sealed.before(2, limit=10) if row.kind is kind]
        row = rows[0]
        assert not await work.sealed.replace(replace_sealed(row, Sealed(1, b"other")), AGAIN)
        assert not await work.sealed.replace(replace_sealed(row, Sealed(2, row.sealed.content)), AGAIN)
        assert await work.sealed.replace(row, AGAIN)
        assert not await work.sealed.replace(row, AGAIN)
        assert (await work.sealed.key_counts())[9] == 1
    changed = {"key_number": 9, "sealed": b"again"}
    async with store.read() as work:
        match kind:
            case SealedKind.VALUE:
                assert await work.secrets.get("c1", "a") == replace(secret("a", key_number=1), **changed)
            case SealedKind.REGISTRATION:
                known = registration(1, issuer="https://1.example", key_number=1)
                assert await work.registrations.find("m1", known.issuer) == replace(known, **changed)
            case SealedKind.PENDING:
                begun = pending(1, state_digest="s1", key_number=1)
                assert await work.pending.get("p1") == replace(begun, **changed)


def replace_sealed(row: SealedRow, sealed: Sealed) -> SealedRow:
    return SealedRow(
        kind=row.kind,
        item_id=row.item_id,
        user_id=row.user_id,
        mcp_id=row.mcp_id,
        field=row.field,
        sealed=sealed,
    )


async def test_refresh_that_has_begun_replaces_what_was_sealed_again(store: Store) -> None:
    async with store.write() as work:
        assert await work.secrets.lock("c1", "a", now=NOW, until=NOW + HOUR)
        known = await work.secrets.get("c1", "a")
    async with store.write() as work:
        (row,) = [
            row for row in await work.sealed.before(2, limit=10) if (row.item_id, row.field) == ("c1", "a")
        ]
        assert await work.sealed.replace(row, AGAIN)
    assert known is not None
    refreshed = replace(known, version=known.version + 1, sealed=b"refreshed", locked_until=None)
    async with store.write() as work:
        assert await work.secrets.replace_version(refreshed, expected=known.version)


async def test_removed_row_is_not_replaced(store: Store) -> None:
    async with store.write() as work:
        rows = await work.sealed.before(3, limit=10)
        await work.mcps.remove("m1")
        assert [await work.sealed.replace(row, AGAIN) for row in rows] == [row.mcp_id == "m2" for row in rows]
