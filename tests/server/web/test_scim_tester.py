"""The checks of `scim2-tester`, an independent client of the protocol, find no fault."""

import asyncio
from pathlib import Path

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from tests.server.web.scim_server import scim_server

# The tester removes each attribute that is not required. A user without `active` would be neither permitted nor
# refused, and neither value is a safe default.
NOT_REMOVED = "Failed to remove attribute 'active': 'active' is true or false; it is not removed"


async def test_scim2_tester_finds_no_fault(tmp_path: Path) -> None:
    async with scim_server(tmp_path) as scim:
        url, headers = str(scim.http.make_url("/scim/v2")), {"Authorization": f"Bearer {scim.key}"}

        def results() -> list[tuple[Status, str]]:
            with httpx2.Client(base_url=url, headers=headers, timeout=60) as http:
                client = SyncSCIMClient(http)
                client.discover()
                return [(each.status, str(each.reason)) for each in check_server(client)]

        found = await asyncio.to_thread(results)
    faults = [reason for status, reason in found if status in {Status.ERROR, Status.CRITICAL}]
    assert faults == [NOT_REMOVED]
    assert sum(status is Status.SUCCESS for status, _ in found) > 100
