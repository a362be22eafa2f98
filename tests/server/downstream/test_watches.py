"""Updates of resources reach those who watch them, over every transport and through every loss of a session."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from ambassador_server.domain.catalog.mcps import Mcp, Sessions
from ambassador_server.downstream.features.watches import MOST_WATCHED, ResourceWatches
from ambassador_server.errors import OverloadedError
from tests.fakes.mcp_servers import stdio_options
from tests.fakes.mcp_servers.asking_server import AskingHttpServer, serve_asking
from tests.server.downstream.support import PATIENCE, Bench, bench, children, entry, http_entry, result


class Watcher:
    """Keeps the updates that it hears of."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.bell = asyncio.Event()

    def __call__(self, params: bytes) -> None:
        self.heard.append(params)
        self.bell.set()

    def watch(self, box: Bench, uri: str, user: str = "alice") -> Callable[[], None]:
        return box.pool.watch_resource("m1", uri, user_id=user, listener=self)

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < count:
                self.bell.clear()
                await self.bell.wait()
        return [json.loads(params)["uri"] for params in self.heard]


def stdio(era: str = "legacy") -> Mcp:
    return entry(options=stdio_options("--era", era, server="asking_server"))


async def subscribed(box: Bench, user: str = "alice") -> list[str]:
    found = result(await box.call("declared", user=user))["structuredContent"]["found"]
    return list(found["subscribed"])


async def until_subscribed(box: Bench, wanted: list[str], user: str = "alice") -> None:
    async with asyncio.timeout(PATIENCE):
        while await subscribed(box, user) != wanted:  # noqa: ASYNC110 - the downstream does not report it
            await asyncio.sleep(0.01)


async def test_a_legacy_session_subscribes_once_to_each_resource_and_unsubscribes_after_the_last():
    one, two = Watcher(), Watcher()
    async with bench(stdio()) as box:
        end_one = one.watch(box, "memo://1")
        end_two = two.watch(box, "memo://1", "bob")
        await until_subscribed(box, ["subscribe memo://1"])
        await box.call("update", uri="memo://1")
        assert await one.until(1) == await two.until(1) == ["memo://1"]
        assert b"100000000000000000000" in one.heard[0], "params are passed on as they are"
        await box.call("update", uri="memo://other")
        end_one()
        end_one()
        await box.call("update", uri="memo://1")
        await two.until(2)
        assert len(one.heard) == 1
        end_two()
        await until_subscribed(box, ["subscribe memo://1", "unsubscribe memo://1"])


async def test_a_new_session_subscribes_again():
    watcher = Watcher()
    async with serve_asking(AskingHttpServer()) as server, bench(http_entry(server.url)) as box:
        watcher.watch(box, "memo://1")
        await until_subscribed(box, ["subscribe memo://1"])
        server.sessions.clear()
        await until_subscribed(box, ["subscribe memo://1"])
        assert len(server.opened) == 2
        box.pool.restart("m1")
        await until_subscribed(box, ["subscribe memo://1"])
        assert len(server.opened) == 3
        await box.call("update", uri="memo://1", elsewhere=True)
        assert await watcher.until(1) == ["memo://1"]


async def test_a_modern_downstream_has_one_subscription_with_all_that_is_watched():
    watcher = Watcher()
    async with serve_asking(AskingHttpServer("modern")) as server, bench(http_entry(server.url)) as box:
        lists = {"toolsListChanged": True, "resourcesListChanged": True}
        await server.until_listens(lambda filters: filters == [lists])
        end = watcher.watch(box, "memo://1")
        await server.until_listens(
            lambda filters: filters == [{**lists, "resourceSubscriptions": ["memo://1"]}]
        )
        watcher.watch(box, "memo://2")
        both = {**lists, "resourceSubscriptions": ["memo://1", "memo://2"]}
        await server.until_listens(lambda filters: filters == [both])
        await server.tell_listeners("notifications/resources/updated", uri="memo://2")
        assert await watcher.until(1) == ["memo://2"]
        end()
        await server.until_listens(
            lambda filters: filters == [{**lists, "resourceSubscriptions": ["memo://2"]}]
        )


async def test_the_session_of_a_user_is_the_one_that_watches_and_stays_for_it():
    watcher = Watcher()
    async with serve_asking(AskingHttpServer()) as server:
        mcp = http_entry(server.url, sessions=Sessions.AUTO)
        async with bench(mcp) as box:
            await box.call("declared", user="bob")
            watcher.watch(box, "memo://1")
            await until_subscribed(box, ["subscribe memo://1"])
            assert await subscribed(box, "bob") == []
            await box.call("update", user="alice", uri="memo://1", elsewhere=True)
            await watcher.until(1)
            changed = replace(mcp, options={**mcp.options, "headers": {"X-New": "1"}})
            box.pool.apply([changed])
            await until_subscribed(box, ["subscribe memo://1"])
            box.pool.retain_users(lambda user: user != "alice")
            assert await subscribed(box) == []


async def test_a_process_of_one_user_watches_for_that_user():
    watcher = Watcher()
    async with bench(replace(stdio(), sessions=Sessions.PER_USER)) as box:
        end = watcher.watch(box, "memo://1")
        await until_subscribed(box, ["subscribe memo://1"])
        assert len(children()) == 2
        await box.call("update", user="alice", uri="memo://1")
        await watcher.until(1)
        end()


async def test_watching_what_does_not_run_or_announces_nothing_is_silent():
    watcher = Watcher()
    async with bench(entry()) as box:
        box.pool.watch_resource("unknown", "memo://1", user_id="alice", listener=watcher)()
        end = watcher.watch(box, "memo://1")
        assert await box.text("echo", text="unimpressed") == "unimpressed"
        end()
    assert watcher.heard == []


def test_updates_that_are_malformed_too_large_or_of_no_watched_resource_are_dropped():
    watches, heard = ResourceWatches(), Watcher()
    watches.add("memo://a/", heard, "u1")
    for params in (
        b"",
        b"{",
        b'{"uri":7}',
        b'{"uri":"memo://ab"}',
        b'{"uri":"memo://a/","x":"%b"}' % (b"x" * 70_000),
        b"[" * 100_000,
    ):
        watches.updated(params)
    assert heard.heard == []
    watches.updated(b'{"uri":"memo://a/below"}')
    assert len(heard.heard) == 1


def test_the_watched_resources_are_bounded():
    watches = ResourceWatches()
    ends = [watches.add(f"memo://{number}", Watcher(), "u1") for number in range(MOST_WATCHED)]
    watches.add("memo://0", Watcher(), "u1")
    with pytest.raises(OverloadedError):
        watches.add("memo://one-more", Watcher(), "u1")
    ends[1]()
    watches.add("memo://one-more", Watcher(), "u1")
