"""Grants, selections and questions about access know resources and prompts like tools."""

from dataclasses import replace

import pytest

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.grants import CapabilityPatterns, Effect
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import Advice, InvalidInputError, NotFoundError
from ambassador_server.services.administration.access import AccessQueries
from ambassador_server.services.administration.grants import Grants, GrantSpec
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.administration.switch_effects import SwitchEffects
from tests.fakes.downstream import make_prompt, make_resource, make_template, make_tool
from tests.server.services.world import ROOT, RULES, World
from tests.server.worlds import GRANT, MCP, switch

TEMPLATE = "repo://{owner}/{path*}"
RESOURCE, PROMPT = CapabilityKind.RESOURCE, CapabilityKind.PROMPT


async def build(**named: tuple[str, ...]) -> tuple[World, Grants, AccessQueries]:
    """Return a world whose only grant names this; without anything there is none."""
    world = await World.build()
    world.downstreams.script(
        "git",
        make_tool("log", readOnlyHint=True),
        resources=(make_resource("file:///readme"), make_resource("file:///a*b")),
        templates=(make_template(TEMPLATE),),
        prompts=(make_prompt("review"),),
    )
    async with world.store.write() as work:
        await work.grants.remove(GRANT.grant_id)
        if named:
            await work.grants.add(replace(GRANT, **({"patterns": ()} | named)))
    await world.policy.refresh()
    checks = PatternChecks(catalog=world.catalog, separator="__")
    grants = Grants(store=world.store, changes=world.changes, patterns=checks, rules=RULES, clock=world.clock)
    return world, grants, AccessQueries(policy=world.policy, catalog=world.catalog)


def spec(named: CapabilityPatterns, mcp: str = "git") -> GrantSpec:
    return GrantSpec(group="developers", mcp=mcp, named=named, effect=Effect.PERMIT)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (CapabilityPatterns((), ("file:///raedme",)), "near: 'file:///readme'"),
        (CapabilityPatterns((), ("http://*",)), "'http://*' matches no resource of MCP 'git' today"),
        (CapabilityPatterns((), ("git.file:///readme",)), "matches no resource"),
        (CapabilityPatterns((), ("file:///ab",)), "near: 'file:///a%2Ab'"),
        (
            CapabilityPatterns((), ("ambassador:git:file:///readme",)),
            "begins with that MCP's name; patterns are written without it: 'file:///readme'",
        ),
        (CapabilityPatterns((), ("ambassador:none:x",)), "'ambassador:none:x' matches no resource of MCP"),
        (CapabilityPatterns((), None, ("reviwe",)), "matches no prompt of MCP 'git' today; near: 'review'"),
        (CapabilityPatterns((), None, ("git__*",)), "patterns are written without it: '*'"),
        (CapabilityPatterns(("log",), ("http://*",), ("review",)), "matches no resource"),
        (CapabilityPatterns((), None, ("file:///réadme",)), "is not a prompt pattern: it has 'é'"),
    ],
)
async def test_patterns_that_match_nothing_are_refused(named: CapabilityPatterns, words: str):
    _, grants, _ = await build()
    with pytest.raises(InvalidInputError) as refused:
        await grants.add(ROOT, spec(named))
    assert words in refused.value.message


async def test_a_refusal_says_how_to_insist():
    _, grants, _ = await build()
    wanted = spec(CapabilityPatterns((), ("http://*",), ("reviwe",)))
    with pytest.raises(InvalidInputError) as refused:
        await grants.add(ROOT, wanted)
    assert refused.value.advice is Advice.ALLOW_UNMATCHED
    written = await grants.add(ROOT, replace(wanted, allow_unmatched=True))
    assert [text.partition(" ")[0] for text in written.warnings] == ["'http://*'", "'reviwe'"]


@pytest.mark.parametrize(
    "named",
    [
        CapabilityPatterns((), ("*",)),
        CapabilityPatterns((), ("file:///*", "file:///readme", "file:///a%2Ab", "file:///a%2ab")),
        CapabilityPatterns((), (TEMPLATE, "repo://*", "repo://me/README", "repo:*", "*")),
        CapabilityPatterns((), None, ("*", "git.*", "review", "git.rev*")),
        CapabilityPatterns(("*",), (), ()),
    ],
)
async def test_patterns_that_match_something_are_added_without_a_warning(named: CapabilityPatterns):
    _, grants, _ = await build()
    assert (await grants.add(ROOT, spec(named))).warnings == ()


async def test_nothing_is_refused_of_an_mcp_that_was_never_connected():
    world, grants, _ = await build()
    async with world.store.write() as work:
        await work.mcps.add(replace(MCP, mcp_id="m2", name="wiki"))
    written = await grants.add(ROOT, spec(CapabilityPatterns((), ("http://*",), ("none",)), "wiki"))
    assert written.warnings == (
        "No resource of MCP 'wiki' is known yet, so nothing could be checked.",
        "No prompt of MCP 'wiki' is known yet, so nothing could be checked.",
    )


async def test_a_connected_mcp_without_prompts_is_known_to_have_none():
    world, grants, _ = await build()
    world.downstreams.script("git", make_tool("log"))
    with pytest.raises(InvalidInputError, match="matches no prompt"):
        await grants.add(ROOT, spec(CapabilityPatterns((), None, ("review",))))


async def test_access_is_explained_for_every_kind():
    _, _, access = await build(resources=("file:///*",), prompts=("git.review",))
    for name, kind in (("file:///readme", RESOURCE), ("git__review", PROMPT), ("git.review", PROMPT)):
        explained = access.explain("alice", name, kind)
        assert (explained.capability.kind, explained.explanation.decision) == (kind, Permit("permit"))
    denied = access.explain("alice", "git.log")
    assert not isinstance(denied.explanation.decision, Permit)
    for uri in ("repo://me/x", TEMPLATE):
        found = access.explain("alice", uri, RESOURCE)
        assert (found.capability.name, isinstance(found.explanation.decision, Permit)) == (uri, False)
    with pytest.raises(NotFoundError, match=r"No prompt 'git\.reviwe'; near: 'git\.review'"):
        access.explain("alice", "git.reviwe", PROMPT)


async def test_who_can_takes_every_kind_and_patterns():
    _, _, access = await build(resources=("file:///*",), prompts=())

    def users(name: str, kind: CapabilityKind) -> list[str]:
        return [found.user.name for found in access.who_can(name, Listing(), kind).items]

    assert users("file:///readme", RESOURCE) == users("*readme", RESOURCE) == ["alice"]
    assert users("git.review", PROMPT) == users("git.*", PROMPT) == users("repo://*", RESOURCE) == []
    with pytest.raises(NotFoundError, match="No published resource matches 'http:"):
        access.who_can("http://*", Listing(), RESOURCE)


async def test_the_lists_of_a_user_are_by_kind():
    _, _, access = await build(resources=("repo://*",), prompts=("*",))
    assert access.tools_of("alice", Listing()).items == ()
    (template,) = access.resources_of("alice", Listing()).items
    (prompt,) = access.prompts_of("alice", Listing()).items
    assert (template.entry.name, template.keys) == (TEMPLATE, ("laptop",))
    assert (prompt.entry.ref.name, prompt.entry.published) == ("git.review", "git__review")


async def test_a_switch_on_an_mcp_stops_those_who_have_resources_alone():
    world, _, _ = await build(resources=("file:///readme",), prompts=())
    effects = SwitchEffects(
        store=world.store,
        policy=world.policy,
        catalog=world.catalog,
        in_flight=world.in_flight,
        token_clients=tuple,
        clock=world.clock,
    )
    impact = await effects.of(switch(SwitchScope.MCP, "m1"), ())
    assert impact is not None
    assert (impact.users.first, impact.resources.first) == (("alice",), ("file:///readme",))
    assert (impact.tools.count, impact.prompts.count) == (0, 0)
