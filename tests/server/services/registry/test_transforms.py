"""Transforms of an entry's tools: what is checked when they are written, warned of, and recorded."""

import pytest

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.mcps import Mcp, Tool
from ambassador_server.domain.catalog.transforms import NO_TRANSFORMS, ToolTransform, ToolTransforms
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.errors import ConflictError, InvalidInputError
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.services.registry.mcp_spec import McpSpec
from ambassador_server.services.registry.mcps import Mcps
from ambassador_server.services.registry.transform_checks import LARGEST_VALUE, MOST_TOOLS, checked_transforms
from ambassador_server.services.registry.transform_rules import transform_warnings
from tests.conformance.store_samples import grant
from tests.server.services.registry.mcps_world import build, last_event, stored
from tests.server.services.world import ROOT, World
from tests.server.worlds import tool

ROWS = ("log", "push")


def transforms(**tools: ToolTransform) -> ToolTransforms:
    return ToolTransforms(by_tool=tools)


async def listed(*names: str) -> tuple[World, Mcps, Mcp]:
    """Return a world whose MCP has listed these tools."""
    world, mcps = await build()
    mcp = await stored(world, "git")
    world.downstreams.script("git", *map(tool, names))
    return world, mcps, mcp


async def test_transforms_are_recorded_and_take_no_new_connection() -> None:
    world, mcps, _ = await listed(*ROWS)
    spec = McpSpec(transforms=transforms(log=ToolTransform(name="history", fixed_arguments={"n": "1"})))
    written = await mcps.update(ROOT, "git", spec)
    assert written.result is WriteResult.CHANGED
    action, details = last_event(world)
    assert action is AuditAction.MCP_UPDATE
    assert details["before"] == {"transforms": {}}
    assert details["after"] == {"transforms": {"log": {"name": "history", "fixed_arguments": {"n": 1}}}}
    # `true` is another value than 1, also for the comparison with what is stored.
    spec = McpSpec(transforms=transforms(log=ToolTransform(name="history", fixed_arguments={"n": "true"})))
    assert (await mcps.update(ROOT, "git", spec)).result is WriteResult.CHANGED
    assert (await mcps.update(ROOT, "git", spec)).result is WriteResult.UNCHANGED
    await mcps.update(ROOT, "git", McpSpec(transforms=transforms(log=ToolTransform())))
    assert (await stored(world, "git")).transforms is NO_TRANSFORMS


async def test_permissions_by_the_old_and_the_new_name_are_named() -> None:
    world, mcps, mcp = await listed(*ROWS)
    async with world.store.write() as work:
        for number, patterns in enumerate((("git.log",), ("git.history",)), start=20):
            await work.grants.add(
                grant(number, group_id="g1", mcp_id=mcp.mcp_id, patterns=patterns, resources=(), prompts=())
            )
    written = await mcps.update(
        ROOT, "git", McpSpec(transforms=transforms(log=ToolTransform(name="history")))
    )
    lost, gained = written.warnings
    assert lost.endswith("names that they no longer have: r20 (git.log).")
    assert gained == "These grants permit tools by their new names: r21 (git.history)."


async def test_tool_that_is_denied_is_renamed_once_the_new_name_is_denied() -> None:
    world, mcps, mcp = await listed(*ROWS)
    spec = McpSpec(transforms=transforms(log=ToolTransform(name="history")))

    async def deny(number: int, pattern: str) -> None:
        async with world.store.write() as work:
            await work.grants.add(
                grant(number, group_id="g1", mcp_id=mcp.mcp_id, patterns=(pattern,), effect=Effect.DENY)
            )

    await deny(20, "git.log")
    with pytest.raises(ConflictError, match="would not deny"):
        await mcps.update(ROOT, "git", spec)
    assert (await stored(world, "git")).transforms is NO_TRANSFORMS
    await deny(21, "git.history")
    await mcps.update(ROOT, "git", spec)


async def test_nothing_is_checked_of_an_mcp_that_was_never_listed() -> None:
    world, mcps, _ = await listed()
    spec = McpSpec(transforms=transforms(anything=ToolTransform(hidden=True)))
    (warning,) = (await mcps.update(ROOT, "git", spec)).warnings
    assert warning.startswith("No tool of MCP 'git' is known yet")
    assert (await stored(world, "git")).transforms == spec.transforms


async def test_transform_of_a_tool_that_is_gone_stays_and_is_named() -> None:
    world, mcps, _ = await listed(*ROWS)
    first = transforms(log=ToolTransform(hidden=True))
    await mcps.update(ROOT, "git", McpSpec(transforms=first))
    world.downstreams.script("git", tool("push"))
    both = transforms(log=ToolTransform(hidden=True), push=ToolTransform(name="send"))
    await mcps.update(ROOT, "git", McpSpec(transforms=both))
    with pytest.raises(InvalidInputError, match="has no tool 'log'"):
        await mcps.update(ROOT, "git", McpSpec(transforms=transforms(log=ToolTransform(description="x"))))
    found = await stored(world, "git")
    offered: list[Tool] = [tool("push"), tool("send")]
    assert transform_warnings(found, offered) == [
        "There is a transform for the tool 'log', which the MCP does not offer.",
        "The tool 'send' is not offered: 'push' was given its name.",
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({f"t{n}": ToolTransform(hidden=True) for n in range(MOST_TOOLS + 1)}, "at most 1000 tools"),
        ({"": ToolTransform(hidden=True)}, "has 1 to 256 characters"),
        ({"a": ToolTransform(fixed_arguments={"x": " " * (LARGEST_VALUE + 1)})}, "has more than"),
        ({"a": ToolTransform(fixed_arguments={"\0": "1"})}, "printable"),
        ({"a": ToolTransform(fixed_arguments={str(n): "1" for n in range(51)})}, "at most 50 fixed"),
        (
            {"a": ToolTransform(fixed_arguments={"X": "1"}, default_arguments={"x": "1"})},
            "cannot be fixed and have a default",
        ),
        ({str(n): ToolTransform(description="x" * 4000) for n in range(200)}, "at most 524288 characters"),
    ],
)
def test_transforms_are_bounded(given: dict[str, ToolTransform], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        checked_transforms(ToolTransforms(by_tool=given))
