"""Which limits apply to a call: the most specific of each measure, of what is called and of who calls."""

from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.policy.limits import LimitScope, Measure
from tests.conformance.store_samples import limit
from tests.server.worlds import GROUP, KEY, LOG_TOOL, PRINCIPAL, capability, snapshot

TARGETS = {
    LimitScope.TOOL: "git.log",
    LimitScope.MCP: "m1",
    LimitScope.TOOL_CLASS: "read-only",
    LimitScope.KEY: "k1",
    LimitScope.USER: "u1",
    LimitScope.GROUP: "g1",
    LimitScope.EVERYONE: None,
}
OF_CAPABILITY = [LimitScope.TOOL, LimitScope.MCP, LimitScope.TOOL_CLASS]
OF_PRINCIPAL = [LimitScope.KEY, LimitScope.USER, LimitScope.GROUP, LimitScope.EVERYONE]


def about(scope: LimitScope, name: str = "", **changes: Any) -> Any:
    values = {"limit_id": name or scope.value, "name": name or scope.value, "target": TARGETS[scope]}
    return limit(scope=scope, **values | changes)


def applying(*limits: Any, capability: CapabilityRef = LOG_TOOL, **world: Any) -> list[tuple[str, str]]:
    """Return name and subject of the limits that apply."""
    found = snapshot(limits=limits, **world)
    assert found.limits is not None
    group_ids = found.group_ids_of.get(PRINCIPAL.user_id, ())
    applied = found.limits.applying(PRINCIPAL, capability, group_ids, found.keys)
    return [(each.limit.name, each.subject) for each in applied]


def test_without_limits_there_is_no_index():
    assert snapshot().limits is None


@pytest.mark.parametrize("order", [OF_CAPABILITY, OF_PRINCIPAL], ids=["of what is called", "of who calls"])
def test_the_most_specific_limit_of_a_measure_applies(order: list[LimitScope]):
    for first, scope in enumerate(order):
        ((name, _),) = applying(*(about(each) for each in reversed(order[first:])))
        assert name == scope


def test_one_limit_of_what_is_called_and_one_of_who_calls_apply_together():
    assert applying(*map(about, LimitScope)) == [("tool", ""), ("key", "")]


def test_limits_of_other_measures_do_not_take_each_others_place():
    daily = about(LimitScope.EVERYONE, "daily", measure=Measure.CALLS_PER_DAY)
    assert applying(about(LimitScope.USER), daily) == [("user", ""), ("daily", "u1")]


@pytest.mark.parametrize("scope", LimitScope)
def test_a_limit_about_something_else_does_not_apply(scope: LimitScope):
    other = about(scope, target="something else")
    if scope is not LimitScope.EVERYONE:
        assert applying(other) == []


@pytest.mark.parametrize("scope", [LimitScope.GROUP, LimitScope.EVERYONE])
def test_each_user_has_a_counter_of_a_limit_of_many(scope: LimitScope):
    assert applying(about(scope)) == [(scope.value, "u1")]


def test_the_strictest_of_several_groups_applies_whatever_their_order():
    groups = [GROUP, replace(GROUP, group_id="g2", name="ops")]
    members = [Membership(user_id="u1", group_id=each) for each in ("g1", "g2")]
    strict = about(LimitScope.GROUP, "strict", target="g2", value=5)
    lax = about(LimitScope.GROUP, "lax", value=50)
    for limits in ((strict, lax), (lax, strict)):
        assert applying(*limits, groups=groups, memberships=members) == [("strict", "u1")]


def test_the_strictest_of_several_limits_about_one_thing_applies():
    lax, strict = about(LimitScope.TOOL, "lax", value=9), about(LimitScope.TOOL, "strict", value=8)
    assert applying(lax, strict) == applying(strict, lax) == [("strict", "")]


def test_limits_of_equal_groups_are_told_apart_by_burst_and_name():
    members = [Membership(user_id="u1", group_id=each) for each in ("g1", "g2")]
    b, a = about(LimitScope.GROUP, "b"), about(LimitScope.GROUP, "a", target="g2")
    assert applying(b, a, memberships=members) == [("a", "u1")]
    small = replace(b, burst=1)
    assert applying(small, a, memberships=members) == [("b", "u1")]


def test_the_limit_of_a_key_bounds_the_key_that_replaces_it():
    keys = [replace(KEY, key_id="k0"), replace(KEY, replaces="k0")]
    assert applying(about(LimitScope.KEY, target="k0"), keys=keys) == [("key", "")]


def test_a_resource_is_bounded_by_its_mcp_but_by_no_tool_of_its_name():
    resource = CapabilityRef("m1", CapabilityKind.RESOURCE, "git.log")
    assert applying(about(LimitScope.TOOL), about(LimitScope.MCP), capability=resource) == [("mcp", "")]


def test_a_class_bounds_the_tools_of_every_mcp_in_it():
    other = capability("m2", "web.get")
    assert applying(about(LimitScope.TOOL_CLASS), capability=other) == [("tool_class", "")]
    write = capability("m2", "web.put", ToolClass.WRITE)
    assert applying(about(LimitScope.TOOL_CLASS), capability=write) == []
