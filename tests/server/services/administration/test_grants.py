"""A grant that is put repeatedly exists once, and only a difference is changed and recorded."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.mcps import McpStatus
from ambassador_server.domain.policy.grants import CapabilityPatterns, Delivery, Effect
from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import Advice, ConflictError, InvalidInputError, NotFoundError
from ambassador_server.services.administration.grants import Grants, GrantSpec
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.changes.writing import WriteResult
from tests.fakes.downstream import make_tool
from tests.server.services.world import ROOT, RULES, World
from tests.server.worlds import MCP

SPEC = GrantSpec(
    group="developers", mcp="git", named=CapabilityPatterns(("log", "git.log", "tag*")), effect=Effect.PERMIT
)
HOUR = timedelta(hours=1)


async def build() -> tuple[World, Grants]:
    world = await World.build()
    patterns = PatternChecks(catalog=world.catalog, separator="__")
    return world, Grants(
        store=world.store, changes=world.changes, patterns=patterns, rules=RULES, clock=world.clock
    )


def recorded(world: World) -> list[tuple[AuditAction, dict[str, Any]]]:
    return [(event.action, dict(event.details)) for event in world.log.events]


async def test_putting_a_grant_again_does_nothing():
    world, grants = await build()
    first = await grants.put(ROOT, SPEC)
    version = world.policy.snapshot.version
    again = await grants.put(ROOT, replace(SPEC, named=CapabilityPatterns(("git.tag*", "git.log"))))
    assert (first.result, again.result) == (WriteResult.CREATED, WriteResult.UNCHANGED)
    assert again.item == first.item
    assert first.item.patterns == ("git.log", "git.tag*")
    assert world.policy.snapshot.version == version
    assert [action for action, _ in recorded(world)] == [AuditAction.GRANT_ADD]
    with pytest.raises(ConflictError):
        await grants.add(ROOT, SPEC)


@pytest.mark.parametrize(
    ("written", "again"),
    [
        (CapabilityPatterns(("*",)), CapabilityPatterns(("*",), ("*",), ("*",))),
        (CapabilityPatterns(("*",), ()), CapabilityPatterns(("*",), None, ())),
        (CapabilityPatterns(("log",)), CapabilityPatterns(("git.log",), (), ())),
        (CapabilityPatterns((), ("file:///ä%2f",)), CapabilityPatterns((), ("file:///%c3%a4%2F",), ())),
        (CapabilityPatterns((), None, ("b", "a")), CapabilityPatterns((), (), ("git.a", "git.b", "a"))),
    ],
)
async def test_a_grant_has_one_form_however_it_is_written(
    written: CapabilityPatterns, again: CapabilityPatterns
):
    _, grants = await build()
    first = await grants.put(ROOT, replace(SPEC, named=written, allow_unmatched=True))
    assert (await grants.put(ROOT, replace(SPEC, named=again))).result is WriteResult.UNCHANGED
    assert (await grants.put(ROOT, replace(SPEC, named=first.item.named))).result is WriteResult.UNCHANGED


async def test_what_a_grant_names_is_recorded_by_kind():
    world, grants = await build()
    named = CapabilityPatterns((), ("file:///*",), None)
    await grants.put(ROOT, replace(SPEC, named=named, allow_unmatched=True))
    [(_, details)] = recorded(world)
    assert {name: details.get(name) for name in ("tools", "resources", "prompts")} == {
        "tools": [],
        "resources": ["file:///*"],
        "prompts": [],
    }


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, named=CapabilityPatterns(("log",))),
        replace(SPEC, effect=Effect.DENY),
        replace(SPEC, delivery=Delivery.OPT_IN),
        replace(SPEC, named=replace(SPEC.named, resources=("file:///*",)), allow_unmatched=True),
        replace(SPEC, named=replace(SPEC.named, prompts=("review",)), allow_unmatched=True),
    ],
)
async def test_different_grant_is_created_beside_the_first(spec: GrantSpec):
    _, grants = await build()
    first, other = await grants.put(ROOT, SPEC), await grants.put(ROOT, spec)
    assert other.result is WriteResult.CREATED
    assert {first.item.grant_id, other.item.grant_id} < {
        grant.grant_id for grant in (await grants.page(Listing())).items
    }


async def test_changed_expiry_and_owner_are_stored_and_recorded():
    world, grants = await build()
    first = await grants.put(ROOT, replace(SPEC, owner="ci/a"))
    adopted = await grants.put(ROOT, replace(SPEC, owner="ci/b", lifetime=HOUR))
    assert adopted.result is WriteResult.CHANGED
    assert adopted.item == replace(first.item, owner="ci/b", expires_at=world.clock.now() + HOUR)
    action, details = recorded(world)[-1]
    assert action is AuditAction.GRANT_UPDATE
    assert (details["group"], details["mcp"]) == ("developers", "git")
    assert (details["before"]["owner"], details["after"]["owner"]) == ("ci/a", "ci/b")
    assert "tools" not in details["after"]
    kept = await grants.put(ROOT, SPEC)
    assert (kept.item.owner, kept.item.expires_at) == ("ci/b", None)
    freed = await grants.put(ROOT, replace(SPEC, owner=""))
    assert freed.item.owner is None


async def test_expired_grant_is_renewed():
    world, grants = await build()
    await grants.put(ROOT, replace(SPEC, lifetime=HOUR))
    world.clock.advance(7200)
    assert (await grants.put(ROOT, SPEC)).item.expires_at is None


async def test_a_grant_that_is_over_already_is_not_added():
    world, grants = await build()
    with pytest.raises(InvalidInputError, match="over already"):
        await grants.add(ROOT, replace(SPEC, expires_at=world.clock.now()))
    assert recorded(world) == []


async def test_of_two_equal_grants_the_one_without_a_difference_is_kept():
    _, grants = await build()
    await grants.add(ROOT, replace(SPEC, lifetime=HOUR))
    lasting = await grants.add(ROOT, SPEC)
    found = await grants.put(ROOT, SPEC)
    assert (found.item, found.result) == (lasting.item, WriteResult.UNCHANGED)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (replace(SPEC, group="nobody"), NotFoundError),
        (replace(SPEC, mcp="nothing"), NotFoundError),
        (replace(SPEC, named=CapabilityPatterns(())), InvalidInputError),
        (replace(SPEC, named=CapabilityPatterns((), (), ())), InvalidInputError),
        (replace(SPEC, named=CapabilityPatterns((), ("",))), InvalidInputError),
        (replace(SPEC, named=CapabilityPatterns((), ("a" * 4097,))), InvalidInputError),
        (replace(SPEC, named=CapabilityPatterns((), None, ("a b",))), InvalidInputError),
        (
            replace(SPEC, named=CapabilityPatterns(tuple(f"t{number}" for number in range(101)))),
            InvalidInputError,
        ),
        (replace(SPEC, named=CapabilityPatterns(("a b",))), InvalidInputError),
        (replace(SPEC, owner="a b"), InvalidInputError),
        (replace(SPEC, effect=Effect.DENY, delivery=Delivery.OPT_IN), InvalidInputError),
    ],
)
async def test_invalid_grant_is_refused(spec: GrantSpec, error: type[Exception]):
    world, grants = await build()
    before = await grants.page(Listing())
    for write in (grants.add, grants.put):
        with pytest.raises(error):
            await write(ROOT, spec)
    assert (await grants.page(Listing()), recorded(world)) == (before, [])


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("psuh", "near: 'push'"),
        ("git.psuh", "near: 'push'"),
        ("push_*", "matches no tool of MCP 'git' today"),
        ("Push", "matches no tool"),
        ("git__*", "patterns are written without it: '*'"),
        ("git:push", "patterns are written without it: 'push'"),
        ("git.git.push", "patterns are written without it"),
        ("wiki__push", "the name of MCP 'wiki', for which it would be 'push'"),
        ("wiki.*", "the name of MCP 'wiki'"),
        ("wiki:push", "the name of MCP 'wiki'"),
    ],
)
async def test_a_denial_that_would_deny_nothing_is_refused_unless_that_is_allowed(pattern: str, words: str):
    world, grants = await build()
    async with world.store.write() as work:
        await work.mcps.add(replace(MCP, mcp_id="m2", name="wiki", status=McpStatus.DRAFT))
    denial = replace(SPEC, named=CapabilityPatterns(("log", pattern)), effect=Effect.DENY)
    with pytest.raises(InvalidInputError) as refused:
        await grants.add(ROOT, denial)
    assert (words in refused.value.message, refused.value.advice) == (True, Advice.ALLOW_UNMATCHED)
    assert recorded(world) == []
    allowed = await grants.put(ROOT, replace(denial, allow_unmatched=True))
    assert (allowed.result, len(allowed.warnings)) == (WriteResult.CREATED, 1)
    assert words in allowed.warnings[0]


@pytest.mark.parametrize("pattern", ["*", "git.*", "push", "git.push", "p*", "*og"])
async def test_a_denial_of_a_known_tool_is_added_without_a_warning(pattern: str):
    _, grants = await build()
    assert (
        await grants.add(ROOT, replace(SPEC, named=CapabilityPatterns((pattern,)), effect=Effect.DENY))
    ).warnings == ()


async def test_a_permit_that_would_permit_nothing_is_refused_unless_that_is_allowed():
    world, grants = await build()
    for pattern, words in (("psuh", "near: 'push'"), ("git__push", "written without it")):
        permit = replace(SPEC, named=CapabilityPatterns((pattern,)))
        before = recorded(world)
        with pytest.raises(InvalidInputError, match=words):
            await grants.add(ROOT, permit)
        assert recorded(world) == before
        (warning,) = (await grants.add(ROOT, replace(permit, allow_unmatched=True))).warnings
        assert words in warning


async def test_patterns_of_an_mcp_whose_tools_are_unknown_are_never_refused():
    world, grants = await build()
    async with world.store.write() as work:
        await work.mcps.add(replace(MCP, mcp_id="m2", name="wiki", status=McpStatus.DRAFT))
    denial = replace(SPEC, mcp="wiki", named=CapabilityPatterns(("wiki__*",)), effect=Effect.DENY)
    first, second = (await grants.add(ROOT, denial)).warnings
    assert "nothing could be checked" in first
    assert "written without it: '*'" in second
    assert (await grants.add(ROOT, replace(denial, named=CapabilityPatterns(("*",))))).warnings == ()


async def test_an_existing_denial_whose_tool_is_gone_can_be_renewed():
    world, grants = await build()
    denial = replace(SPEC, named=CapabilityPatterns(("push",)), effect=Effect.DENY)
    await grants.add(ROOT, denial)
    world.downstreams.script("git", make_tool("log"))
    world.downstreams.restart(MCP.mcp_id)
    await asyncio.sleep(0)
    with pytest.raises(InvalidInputError):
        await grants.add(ROOT, replace(denial, named=CapabilityPatterns(("push", "log"))))
    renewed = await grants.put(ROOT, replace(denial, lifetime=HOUR))
    assert renewed.result is WriteResult.CHANGED


async def test_putting_a_grant_changes_its_constraints_and_leaves_absent_ones():
    world, grants = await build()
    rule = {"repo": {"pattern": "^acme/"}}
    first = await grants.put(ROOT, replace(SPEC, constraints=rule))
    assert first.item.constraints == '{"repo":{"pattern":"^acme/"}}'
    assert recorded(world)[-1][1]["constraints"] == rule
    kept = await grants.put(ROOT, replace(SPEC, owner="ci"))
    assert kept.item.constraints == first.item.constraints
    removed = await grants.put(ROOT, replace(SPEC, constraints={}))
    assert removed.item.constraints is None
    assert (removed.item.grant_id, removed.item.owner) == (first.item.grant_id, "ci")


async def test_only_a_permit_of_tools_has_constraints():
    _, grants = await build()
    rule = {"repo": {"pattern": "^acme/"}}
    for spec in (
        replace(SPEC, effect=Effect.DENY),
        replace(SPEC, named=CapabilityPatterns((), ("*",))),
    ):
        with pytest.raises(InvalidInputError, match="Only a permit of tools"):
            await grants.put(ROOT, replace(spec, constraints=rule))
