"""Ten thousand users by SCIM, from the first request to the last, as a provider sends them when it is connected."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.server.web.scim_server import GROUP, ScimServer, scim_server

USERS = int(os.environ.get("SCIM_USERS", "10000"))
"""How many users there are; fewer only show that this works."""
_AT_ONCE = 4
_PAGE = 100


class _Figures:
    """How long each part took, and how long the event loop did not come to its turn meanwhile."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    @asynccontextmanager
    async def part(self, name: str, count: int = 1) -> AsyncIterator[None]:
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                longest = max(longest, time.monotonic() - before - 0.005)

        watching = asyncio.create_task(watch())
        begun = time.monotonic()
        try:
            yield
        finally:
            watching.cancel()
        self._record(f"SCIM: {name}, ms for each", round((time.monotonic() - begun) * 1000 / count, 1))
        self._record(f"SCIM: {name}, longest wait for the event loop, ms", round(longest * 1000, 1))


async def _create_all(scim: ScimServer) -> list[str]:
    ids = [""] * USERS

    async def some(first: int) -> None:
        for number in range(first, USERS, _AT_ONCE):
            name = f"user{number}@okta.example"
            mails = [{"value": name, "type": "work", "primary": True}]
            ids[number] = (await scim.user(name, externalId=f"00u{number}", emails=mails, active=True))["id"]

    await asyncio.gather(*[some(first) for first in range(_AT_ONCE)])
    return ids


async def _listed(scim: ScimServer) -> list[str]:
    found: list[str] = []
    while True:
        page = await scim.scim("GET", f"Users?startIndex={len(found) + 1}&count={_PAGE}", status=200)
        assert page["totalResults"] == USERS
        if not page["Resources"]:
            return found
        found += [each["id"] for each in page["Resources"]]


@pytest.mark.endurance
async def test_a_provider_describes_ten_thousand_users(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figures = _Figures(record_property)
    async with scim_server(tmp_path) as scim:
        async with figures.part("create a user", USERS):
            ids = await _create_all(scim)
        async with figures.part("list a page", USERS // _PAGE + 1):
            assert sorted(await _listed(scim)) == sorted(ids)
        everyone = {
            "schemas": [GROUP],
            "displayName": "everyone",
            "members": [{"value": each} for each in ids[1:]],
        }
        async with figures.part("create a group of all"):
            group = await scim.scim("POST", "Groups", everyone, status=201)
        path = f"Groups/{group['id']}"
        assert len(group["members"]) == USERS - 1
        async with figures.part("add and remove a member"):
            await scim.patch_only(path, {"op": "add", "path": "members", "value": [{"value": ids[0]}]})
            await scim.patch_only(path, {"op": "remove", "path": f'members[value eq "{ids[1]}"]'})
        async with figures.part("find a user by a filter without an index"):
            query = f'Users?filter=emails.value eq "user{USERS - 1}@okta.example"'
            assert (await scim.scim("GET", query, status=200))["totalResults"] == 1
        async with figures.part("deactivate a user", 100):
            for each in ids[:100]:
                await scim.patch_only(f"Users/{each}", {"op": "replace", "value": {"active": False}})
        for number, status in ((0, "deactivated"), (99, "deactivated"), (100, "active")):
            assert (await scim.ask("GET", f"users/user{number}@okta.example"))["status"] == status
        async with figures.part("read the group of all"):
            shown = await scim.scim("GET", path, status=200)
        assert {each["value"] for each in shown["members"]} == {*ids} - {ids[1]}
        async with figures.part("replace the group by half"):
            half = {**everyone, "members": [{"value": each} for each in ids[::2]]}
            await scim.scim("PUT", path, half, status=200)
        async with figures.part("delete a user", 100):
            for each in ids[:100]:
                await scim.scim("DELETE", f"Users/{each}", status=204)
        shown = await scim.scim("GET", path, status=200)
        assert {each["value"] for each in shown["members"]} == {*ids[100::2]}
        assert (await scim.scim("GET", "Users?count=1", status=200))["totalResults"] == USERS - 100
