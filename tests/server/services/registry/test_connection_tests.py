"""Entries are tested with credentials of this server or with one-time values, and refused if nobody can give one."""

import asyncio
from dataclasses import replace

import pytest

from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.catalog.credential_needs import (
    CredentialField,
    CredentialNeeds,
    GrantType,
    OAuthNeeds,
    Place,
)
from ambassador_server.domain.catalog.mcps import (
    DownstreamState,
    DownstreamStatus,
    McpStatus,
)
from ambassador_server.errors import (
    ConflictError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
)
from ambassador_server.ports.credentials import Credential
from ambassador_server.services.registry import connection_tests
from ambassador_server.services.registry.credential_warnings import warnings_about
from ambassador_server.services.registry.mcp_spec import McpSpec
from ambassador_server.services.registry.mcps import Mcps
from tests.fakes.downstream import make_tool
from tests.server.services.registry.mcps_world import build, last_event, stored
from tests.server.services.world import ROOT, World

URL = McpSpec(transport="streamable_http", options={"url": "https://wiki/mcp"})
PERSONAL = CredentialField(name="token", place=Place.HEADER, target="Authorization", template="Bearer {}")
TEAM = CredentialField(name="team", place=Place.QUERY, target="team", required=False, secret=False)


async def declared(*fields: CredentialField, oauth: OAuthNeeds | None = None) -> tuple[World, Mcps]:
    """Return a draft `wiki` that needs these credentials, and offers one tool."""
    world, mcps = await build()
    world.downstreams.script("wiki", make_tool("read"))
    await mcps.add(ROOT, "wiki", replace(URL, credentials=CredentialNeeds(fields=fields, oauth=oauth)))
    return world, mcps


async def test_an_entry_is_tested_with_what_its_references_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LISTING", "l1st")
    monkeypatch.setenv("TEAM", "ours")
    world, mcps = await declared(
        replace(PERSONAL, listing_reference="env://LISTING"), replace(TEAM, reference="env://TEAM")
    )
    await mcps.publish(ROOT, "wiki")
    assert world.downstreams.probed_with == [
        Credential(
            generation="test",
            headers={"Authorization": "Bearer l1st"},
            query={"team": "ours"},
            secrets=("l1st",),
        )
    ]
    assert last_event(world)[1]["tested"] is True
    assert "l1st" not in repr(world.log.events)


async def test_one_time_values_are_sent_and_neither_stored_nor_recorded():
    world, mcps = await declared(PERSONAL)
    values = {"token": "0nce-only"}
    _, tools = await mcps.test(ROOT, "wiki", values)
    assert [tool.name for tool in tools] == ["read"]
    await mcps.publish(ROOT, "wiki", values)
    assert [probed and probed.headers for probed in world.downstreams.probed_with] == [
        {"Authorization": "Bearer 0nce-only"}
    ] * 2
    tested = next(event for event in world.log.events if event.action is AuditAction.MCP_TEST)
    assert tested.details["one_time"] == ["token"]
    assert "0nce-only" not in repr(world.log.events)
    assert "0nce-only" not in repr(await stored(world, "wiki"))


async def test_an_access_token_can_be_given_once():
    world, mcps = await declared(oauth=OAuthNeeds())
    await mcps.publish(ROOT, "wiki", {"oauth": "t0ken"})
    assert world.downstreams.probed_with == [
        Credential(generation="test", headers={"Authorization": "Bearer t0ken"}, secrets=("t0ken",))
    ]


@pytest.mark.parametrize(
    ("fields", "oauth", "lacking"), [((PERSONAL, TEAM), None, ["token"]), ((), OAuthNeeds(), ["oauth"])]
)
async def test_what_only_users_can_connect_to_is_published_untested(
    fields: tuple[CredentialField, ...], oauth: OAuthNeeds | None, lacking: list[str]
):
    world, mcps = await declared(*fields, oauth=oauth)
    with pytest.raises(ConflictError, match=f"only its users have a value for {lacking[0]}"):
        await mcps.test(ROOT, "wiki")
    assert dict(world.log.events[-1].details)["lacking"] == lacking
    published = await mcps.publish(ROOT, "wiki")
    assert (published.status, world.downstreams.probed) == (McpStatus.PUBLISHED, [])
    assert last_event(world)[1]["tested"] is False
    assert last_event(world)[1]["approved"] == []
    state = DownstreamState(status=DownstreamStatus.STARTING, error=None, tools=())
    (warning,) = warnings_about(published, state)
    assert "becomes known when the first user's connection lists it, and waits for your approval" in warning
    assert warnings_about(published, replace(state, tools=(make_tool("read"),))) == []
    assert warnings_about(replace(published, status=McpStatus.DRAFT), state) == []


@pytest.mark.parametrize(
    "field", [replace(TEAM, reference="env://NO_SUCH"), replace(PERSONAL, listing_reference="env://NO_SUCH")]
)
async def test_a_value_that_nobody_can_give_is_refused_at_publishing(field: CredentialField):
    world, mcps = await declared(field, replace(PERSONAL, name="other", target="X-Other"))
    with pytest.raises(DownstreamUnavailableError, match=r"cannot be read from env://NO_SUCH: .* is not set"):
        await mcps.publish(ROOT, "wiki", {"other": "x"})
    assert ((await stored(world, "wiki")).status, world.downstreams.probed) == (McpStatus.DRAFT, [])
    assert world.log.events[-1].outcome is Outcome.FAILED


async def test_a_reference_to_what_no_header_can_carry_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LINES", "hunter2\r\nX: y")
    _, mcps = await declared(replace(PERSONAL, reference="env://LINES"))
    with pytest.raises(DownstreamUnavailableError, match="control characters") as refusal:
        await mcps.publish(ROOT, "wiki")
    assert "hunter2" not in str(refusal.value)


async def test_a_service_account_without_a_token_is_refused_at_publishing():
    account = OAuthNeeds(
        grant=GrantType.SERVICE_ACCOUNT,
        client_id="us",
        client_secret="env://SECRET",
        issuer="https://issuer.example",
    )
    world, mcps = await declared(TEAM, oauth=account)
    with pytest.raises(DownstreamUnavailableError, match="service account has got no token"):
        await mcps.publish(ROOT, "wiki")
    assert world.downstreams.probed == []


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"tokn": "x"}, "declares no credential 'tokn'; near: 'token'"),
        ({"oauth": "x"}, "declares no credential 'oauth'"),
        ({"team": "x"}, "is shared by reference"),
        ({"token": ""}, "cannot be empty"),
        ({"token": "hunter2\n"}, "control characters"),
    ],
)
async def test_a_one_time_value_that_fits_nowhere_is_refused(values: dict[str, str], text: str):
    world, mcps = await declared(PERSONAL, replace(TEAM, reference="env://TEAM"))
    before = len(world.log.events)
    with pytest.raises(InvalidInputError, match=text) as refusal:
        await mcps.publish(ROOT, "wiki", values)
    assert "hunter2" not in str(refusal.value)
    with pytest.raises(InvalidInputError, match=text):
        await mcps.test(ROOT, "wiki", values)
    assert (world.downstreams.probed, len(world.log.events)) == ([], before)


async def test_new_needs_of_a_published_entry_are_tested_with_one_time_values():
    world, mcps = await build()
    world.downstreams.script("git", make_tool("fetch"))
    needs = CredentialNeeds(fields=(CredentialField(name="key", place=Place.ENVIRONMENT, target="KEY"),))
    await mcps.update(ROOT, "git", McpSpec(credentials=needs), values={"key": "k"})
    assert [probed and probed.environment for probed in world.downstreams.probed_with] == [{"KEY": "k"}]
    async with world.store.read() as work:
        kept = (await work.tools.all())["m1"]
    assert [tool.name for tool in kept] == ["fetch"]
    await mcps.update(ROOT, "git", McpSpec(options={"command": ["other"]}))
    assert world.downstreams.probed == ["git"]
    async with world.store.read() as work:
        assert (await work.tools.all())["m1"] == kept
    with pytest.raises(InvalidInputError, match="this change is not tested"):
        await mcps.update(ROOT, "git", McpSpec(description="x"), values={"key": "k"})


async def test_references_that_take_too_long_end_the_test(monkeypatch: pytest.MonkeyPatch):
    world, mcps = await declared(replace(TEAM, reference="env://TEAM"))

    async def never(_: str) -> str:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    monkeypatch.setattr(connection_tests, "_MOST_SECONDS", 0.0)
    monkeypatch.setattr(mcps._tests, "_resolve", never)
    with pytest.raises(DownstreamTimeoutError, match="its credentials were not read within"):
        await mcps.publish(ROOT, "wiki")
    assert (await stored(world, "wiki")).status is McpStatus.DRAFT
    assert world.log.events[-1].reason == "downstream_timeout"
