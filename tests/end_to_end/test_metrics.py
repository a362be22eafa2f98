"""Metrics of a real server: who may read them, what moves them on each face, and what is never a label."""

from collections.abc import Callable

import httpx
import pytest

from ambassador_server.services.monitoring.families import FamilyKind
from tests.documents.metrics import every_family, served_name
from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.scraping import OPENMETRICS, Scraped, get, read, scrape
from tests.end_to_end.test_database_hangs import hanging
from tests.end_to_end.world import Downstream, World, until

ECHO = {"tool": "echo", "proxy": "tools"}
FAIL = {"tool": "fail", "proxy": "tools"}
CALLED, DONE, ERRORS, LISTS = (
    *("mcp_gateway_tools_called", "mcp_gateway_tools_call_success", "mcp_gateway_tools_call_errors"),
    "mcp_gateway_list_tools",
)
DENIED = "mcp_ambassador_calls_denied_total"
DURATIONS = "mcp_ambassador_call_duration_seconds_count"


def issue(world: World, role: str) -> str:
    return str(world.ask("POST", "admin-keys", {"name": world.fresh(role), "roles": [role]})["admin_key"])


def difference(world: World, act: Callable[[], object]) -> Callable[..., float]:
    """Return how much a value has grown while `act` ran."""
    before = scrape(world)
    act()
    after = scrape(world)
    return lambda name, **labels: after.value(name, **labels) - before.value(name, **labels)


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_calls_on_each_face_move_the_counts(world: World, face: Face) -> None:
    caller = world.caller()

    def act() -> None:
        assert caller.call(face, "tools__echo", {"text": "hello"}).succeeded
        assert caller.call(face, "tools__fail").failed
        caller.names(face)

    grown = difference(world, act)
    assert [grown(name, **ECHO) for name in (CALLED, DONE, ERRORS)] == [1, 1, 0]
    assert [grown(name, **FAIL) for name in (CALLED, DONE, ERRORS)] == [1, 0, 1]
    assert grown(LISTS, proxy="") == 1
    assert grown(DURATIONS, mcp="tools", outcome="succeeded") == 1
    assert grown(DURATIONS, mcp="tools", outcome="error") == 1
    assert grown("mcp_ambassador_tool_calls_total", mcp="tools", tool="fail", outcome="error") == 1


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_denied_calls_are_counted_by_reason_and_call_nothing(
    world: World, tools: Downstream, face: Face
) -> None:
    person = world.person(world.group())
    caller, ran = world.session(person), tools.count()

    def act() -> None:
        assert caller.call(face, "tools__echo", {"text": "no"}).failed
        assert caller.call(face, "made_up_by_a_caller").failed

    grown = difference(world, act)
    assert tools.count() == ran
    assert grown(DENIED, mcp="tools", reason="no_grant") == 1
    assert grown(DENIED, mcp="", reason="unknown_tool") == 1
    assert grown(CALLED, **ECHO) == 0
    text = get(world, world.rig.facts["admin_key"]).text
    for never in ("made_up", caller.secret, caller.session_id, person.name, person.key, person.key_id):
        assert never not in text


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS, "*/*", ""])
def test_both_formats_have_every_documented_family_and_no_other(world: World, accept: str) -> None:
    world.caller().call(FACES[0], "tools__echo", {"text": "hello"})
    answer = get(world, world.rig.facts["admin_key"], accept=accept)
    found = read(answer)
    served = {name: kind for name, kind in found.types.items() if not name.startswith("process_")}
    kinds = {FamilyKind.COUNT: "unknown"}
    assert served == {each.name: kinds.get(each.kind, each.kind.value) for each in every_family()}
    assert ("openmetrics" in answer.headers["Content-Type"]) == (accept == OPENMETRICS)
    assert answer.headers["Cache-Control"] == "no-store"
    assert found.value("process_resident_memory_bytes") > 0


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=nonsense",
        "application/openmetrics-text; version=99.0.0; escaping=nonsense",
        "text/plain; version=1.0.0; escaping=values",
        "text/plain; version=",
        ";;;,,,",
        "\xff",
    ],
)
def test_a_strange_wish_gets_an_answer(world: World, accept: str) -> None:
    headers = {
        b"Authorization": f"Bearer {world.rig.facts['admin_key']}".encode(),
        b"Accept": accept.encode("latin-1"),
    }
    answer = httpx.get(f"{world.rig.admin_url}/metrics", headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text


def test_only_the_right_to_read_metrics_opens_them(world: World) -> None:
    for role in ("monitor", "operator", "admin"):
        assert get(world, issue(world, role)).status_code == 200, role
    for role in ("auditor", "provisioner"):
        refused = get(world, issue(world, role))
        assert (refused.status_code, refused.json()["code"]) == (403, "AMB-3002"), role
    person = world.person()
    for secret in ("", "amb_ak_" + "A" * 48, person.key, world.session(person).secret):
        refused = get(world, secret)
        assert (refused.status_code, refused.json()["code"]) == (401, "AMB-2002")
    assert world.http.get("/metrics").status_code == 404


def test_the_key_of_a_monitor_opens_nothing_else(world: World) -> None:
    key = issue(world, "monitor")
    for path in ("/v1/openapi.json", "/v1/admin/whoami", "/v1/admin/users", "/v1/admin/audit/events"):
        answer = httpx.get(world.rig.admin_url + path, headers={"X-Admin-Key": key}, trust_env=False)
        assert answer.status_code == 403, path


def test_the_role_is_for_keys_only(world: World) -> None:
    answer = world.admin.post("/v1/admin/users", json={"name": world.fresh("person"), "roles": ["monitor"]})
    assert answer.status_code == 400
    assert "admin keys" in answer.json()["message"]


def test_parameters_are_refused(world: World) -> None:
    answer = world.admin.get("/metrics", params={"name[]": "up"})
    assert answer.status_code == 400


def test_metrics_tell_of_a_database_that_hangs(world: World) -> None:
    key, late = issue(world, "monitor"), issue(world, "monitor")
    assert get(world, key).status_code == 200

    def is_stale() -> Scraped | None:
        found = read(get(world, key))
        return found if found.value("mcp_ambassador_policy_stale") else None

    with hanging(world):
        found = until(is_stale, "the metrics tell that the policy is stale")
        assert found.value("mcp_ambassador_policy_age_seconds") > 5
        assert get(world, late).status_code == 503
    until(lambda: not is_stale(), "the policy is confirmed again")


def test_the_series_of_an_mcp_end_with_it(world: World, tools: Downstream) -> None:
    name = world.fresh("mcp")
    world.publish(name, "streamable_http", {"url": tools.url})
    caller = world.caller()
    assert caller.call(FACES[0], f"{name}__echo", {"text": "hello"}).succeeded
    assert scrape(world).value(CALLED, tool="echo", proxy=name) == 1
    assert scrape(world).value("mcp_ambassador_downstream_state", mcp=name, state="ready") == 1
    world.ask("POST", f"mcps/{name}/archive")
    assert name not in scrape(world).labels()
    world.ask("DELETE", f"mcps/{name}")
    assert name not in scrape(world).labels()


def test_sessions_are_counted(world: World) -> None:
    caller = world.caller()
    grown = difference(world, lambda: caller.disconnect().raise_for_status())
    assert grown("mcp_ambassador_sessions") == -1


def test_names_of_families_follow_the_rules_of_prometheus() -> None:
    for family in every_family():
        assert served_name(family).startswith(("mcp_ambassador_", "mcp_gateway_"))
        assert family.help.endswith(".")
