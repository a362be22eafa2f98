"""Resources, templates and prompts are listed beside the tools, and no list costs another."""

import asyncio
import json
from dataclasses import replace

import pytest

from ambassador_server.domain.catalog.mcps import DownstreamState, DownstreamStatus
from ambassador_server.domain.catalog.offers import DownstreamFeatures
from ambassador_server.downstream.features import session_lists
from tests.fakes.mcp_servers import stdio_options
from tests.fakes.mcp_servers.http_server import HttpServer, serve
from tests.fakes.mcp_servers.toolbox import Toolbox
from tests.server.downstream.support import QUICK, Bench, bench, entry, http_entry

ALL = "tools,resources,prompts,completions,logging"


def names(state: DownstreamState) -> tuple[list[str], list[str], list[str]]:
    return (
        [resource.uri for resource in state.resources],
        [template.uri_template for template in state.templates],
        [prompt.name for prompt in state.prompts],
    )


EVERYTHING = (["memo://0", "memo://1", "memo://2"], ["memo://{number}"], ["greet"])


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("page_size", [0, 1])
async def test_every_list_is_read_page_by_page_and_kept_byte_for_byte(era: str, page_size: int):
    options = stdio_options("--era", era, "--offers", ALL, "--page-size", str(page_size))
    async with bench(entry(options=options)) as box:
        state = box.pool.state("m1")
    assert names(state) == EVERYTHING
    assert json.loads(state.resources[0].definition)["x-kept"] == 10**20
    assert state.resources[0].mime_type == "text/plain"
    assert state.features == DownstreamFeatures(
        tools=True,
        resources=True,
        prompts=True,
        completions=True,
        logging=True,
        resource_subscriptions=True,
    )


async def test_a_downstream_without_tools_is_ready():
    async with bench(entry(options=stdio_options("--offers", "resources,prompts"))) as box:
        state = box.pool.state("m1")
    assert names(state) == EVERYTHING
    assert (state.tools, state.features.tools) == ((), False)


async def test_a_list_that_is_refused_costs_no_other_and_is_warned_of():
    toolbox = Toolbox(offers=ALL)
    toolbox.refused_lists = {"resources/list", "resources/templates/list"}
    async with serve(HttpServer(toolbox)) as server, bench(http_entry(server.url)) as box:
        state = box.pool.state("m1")
        assert state.status is DownstreamStatus.READY
        assert names(state) == ([], [], ["greet"])
        assert state.tools
        assert state.report.warnings == ("refused to list its resources",), "templates are optional"


async def test_malformed_items_are_left_out_with_a_warning():
    toolbox = Toolbox(offers=ALL)
    toolbox.resources += [{"name": "no uri"}, {"uri": "a\nb"}, {"uri": "memo://0", "name": "other"}]
    toolbox.prompts += [{"name": 7}]  # type: ignore[dict-item]  # what a hostile server sends
    async with serve(HttpServer(toolbox)) as server, bench(http_entry(server.url)) as box:
        state = box.pool.state("m1")
        assert names(state) == EVERYTHING
        assert state.report.warnings[-4:] == (
            "the resource '' is left out: it has no URI",
            "the resource 'a\\nb' is left out: its URI is empty, too long or not printable",
            "the resource 'memo://0' is left out: an earlier resource of the list has the same URI",
            "the prompt '' is left out: it has no name",
        )
        assert state.report.left_out_count == 0, "that counts tools"


async def test_a_list_that_never_comes_keeps_the_others_waiting_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(session_lists, "_FIRST_SECONDS", 0.05)
    server = HttpServer(Toolbox(offers=ALL))
    server.unanswered.add("resources/list")
    limits = replace(QUICK, list_tools=0.05)
    async with serve(server), bench(http_entry(server.url), limits=limits) as box:
        assert box.pool.state("m1").tools
        server.unanswered.clear()
        await server.announce("resources")
        await box.listener.until(lambda _: names(box.pool.state("m1")) == EVERYTHING)


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_an_announced_change_reads_that_list_again_and_no_other(era: str):
    server = HttpServer(Toolbox(era=era, offers=ALL))
    async with serve(server), bench(http_entry(server.url)) as box:
        async with asyncio.timeout(20):
            await server.listening.wait()
        before = box.pool.state("m1")
        server.keeps_requests = True
        server.toolbox.resources.append({"uri": "memo://new", "name": "new"})
        server.toolbox.prompts.append({"name": "ignored until it is announced"})
        await server.announce("resources")
        change = await box.listener.until(lambda each: each.resources_changed and not each.tools_changed)
        after = box.pool.state("m1")
        assert not change.prompts_changed
        assert after.resources[-1].uri == "memo://new"
        assert after.tools is before.tools
        listed = {method for method, _ in server.requests if method.endswith("/list")}
        assert listed == {"resources/list", "resources/templates/list"}
        await server.announce("prompts")
        await box.listener.until(lambda each: each.prompts_changed and not each.resources_changed)
        assert len(box.pool.state("m1").prompts) == 2


async def test_what_was_last_known_stays_while_the_downstream_is_away():
    async with bench(entry(options=stdio_options("--offers", ALL))) as box:
        state = box.pool.state("m1")
        with pytest.raises(Exception, match="exited"):
            await box.call("crash")
        change = await box.listener.status(DownstreamStatus.DEGRADED)
        assert (change.resources_changed, change.prompts_changed) == (False, False)
        assert names(box.pool.state("m1")) == EVERYTHING
        assert box.pool.state("m1").features == state.features


async def test_a_probe_keeps_every_list_for_the_start():
    box = Bench()
    mcp = entry(options=stdio_options("--offers", ALL))
    await box.pool.probe(mcp)
    box.pool.apply([mcp])
    assert box.pool.state("m1").status is DownstreamStatus.STARTING
    assert names(box.pool.state("m1")) == EVERYTHING
    await box.pool.close()


async def test_too_many_templates_cost_nothing_but_the_templates():
    toolbox = Toolbox(offers=ALL)
    toolbox.templates = [{"uriTemplate": f"memo://{number}/{{x}}", "name": "x"} for number in range(501)]
    async with serve(HttpServer(toolbox)) as server, bench(http_entry(server.url)) as box:
        state = box.pool.state("m1")
        assert names(state) == (["memo://0", "memo://1", "memo://2"], [], ["greet"])
        assert any("more than 500 resource templates" in each for each in state.report.warnings)
