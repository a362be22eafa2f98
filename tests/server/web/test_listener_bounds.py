"""The bounds of a listener: how many connections it admits, and how many bytes may wait for clients."""

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest

from ambassador_server.web.listener_bounds import ConnectionBounds, ConnectionCounts, Connections

BUDGET = 1_000_000
READERS = 200
ANSWER = 100_000


class Unread(asyncio.Transport):
    """A transport whose client reads nothing."""

    def __init__(self, connections: Connections, size: int) -> None:
        super().__init__()
        self.size = size
        self.is_aborted = False
        self._connections = connections

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return self.size

    def abort(self) -> None:
        self.is_aborted = True
        self.size = 0
        self._connections.closed(self)


def connections(**changes: Any) -> Connections:
    bounds = {"total": 10, "per_address": 4, "unread_bytes": BUDGET, "unread_seconds": 600.0, **changes}
    return Connections(ConnectionBounds(**bounds), ConnectionCounts())


@pytest.mark.parametrize("order", [1, -1])
async def test_bytes_for_clients_that_read_nothing_are_bounded(
    order: int, caplog: pytest.LogCaptureFixture
) -> None:
    watched = connections()
    most = 0
    sizes = [ANSWER + number for number in range(READERS)][::order]
    for size in sizes:
        watched.opened(Unread(watched, size))
        watched.check_bytes()
        most = max(most, watched.unread_bytes)
    watched.stop()
    assert 0 < most <= BUDGET
    assert watched.counts.cut_off >= READERS - BUDGET // ANSWER
    # At most one line per minute, however many are cut off.
    assert len(caplog.records) == 1
    assert "cut off a client that does not read its answers; 1 so far" in caplog.text


async def test_client_that_reads_is_kept_while_others_are_cut_off() -> None:
    watched = connections(unread_seconds=0.04)
    reading, stuck = Unread(watched, ANSWER), Unread(watched, ANSWER)
    for transport in (reading, stuck):
        watched.opened(transport)

    async def read() -> None:
        while not stuck.is_aborted:
            reading.size -= 1
            await asyncio.sleep(0)

    await asyncio.wait_for(read(), 60)
    watched.stop()
    assert not reading.is_aborted
    assert watched.counts.cut_off == 1


def test_connections_of_an_address_are_bounded_but_not_those_of_a_proxy() -> None:
    watched = connections(proxies=(ip_network("10.0.0.0/8"),))
    for address, admitted in (("192.0.2.1", 4), ("10.1.2.3", 10), ("2001:db8::1", 4)):
        held = []
        while watched.admits(address):
            counted = watched.count(address)
            counted.__enter__()
            held.append(counted)
        assert len(held) == admitted
        for counted in held:
            counted.__exit__(None, None, None)
        assert watched.open == 0
    assert watched.counts.refused == 3
