"""Traces and metrics of a real server at a real collector: one trace from the host to the downstream, in both eras."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.architecture.test_sizes import ROOT
from tests.documents.metrics import every_family
from tests.documents.test_telemetry import documented_attributes
from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN, REST, Mcp
from tests.end_to_end.otlp_collector import Collector, attributes, carried, collecting, fresh, spans_of
from tests.end_to_end.scraping import scrape
from tests.end_to_end.test_audit_unavailable import broken_log
from tests.end_to_end.world import Caller, Downstream, World, downstream, running, until
from tests.patience import PATIENCE
from tests.rig import BIN, Rig

KEY = "key-of-the-collector-" + "x" * 20
ERAS = ("legacy", "modern")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def old(directory: Path) -> Iterator[Downstream]:
    with downstream(directory, "--era", "legacy") as found:
        yield found


@pytest.fixture(scope="module")
def new(directory: Path) -> Iterator[Downstream]:
    with downstream(directory, "--era", "modern") as found:
        yield found


@pytest.fixture(scope="module")
def world(
    directory: Path, prepared: Rig, old: Downstream, new: Downstream, collector: Collector
) -> Iterator[World]:
    (directory / "collector-key").write_text(KEY + "\n")
    telemetry = {
        "endpoint": collector.url,
        "headers": {"X-Api-Key": f"file://{directory}/collector-key"},
        "service_name": "door",
        "metrics_seconds": 1,
    }
    with running(directory, prepared, telemetry=telemetry) as started:
        started.publish("legacy", "streamable_http", {"url": old.url})
        started.publish("modern", "streamable_http", {"url": new.url})
        yield started


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


def call(caller: Caller, face: Mcp, tool: str, meta: Any, arguments: Any = None, **headers: str) -> Any:
    params = {"name": tool, "arguments": {"text": "hello"} if arguments is None else arguments, "_meta": meta}
    wire = face.request(caller.secret, "tools/call", params)
    answer = caller.http.post(wire.path, headers={**wire.headers, **headers}, content=wire.body)
    return face.read(answer.status_code, answer.content)


@pytest.mark.parametrize("back", ERAS)
@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_a_trace_joins_the_host_the_server_and_the_downstream(
    caller: Caller, collector: Collector, request: pytest.FixtureRequest, face: Mcp, back: str
) -> None:
    called: Downstream = request.getfixturevalue("old" if back == "legacy" else "new")
    trace, parent = fresh()
    meta = {
        "traceparent": parent,
        "tracestate": "a=1, b@x=2",
        "baggage": "k=v",
        "com.example/own": [1, 10**30],
    }
    assert call(caller, face, f"{back}__echo", meta).succeeded
    name = f"tools/call {back}__echo"
    spans = spans_of(collector, trace, f"server {name}", "internal decide", "client tools/call echo")
    outer, decision = spans[f"server {name}"], spans["internal decide"]
    inner = spans["client tools/call echo"]
    assert outer.parent == parent.split("-")[2]
    assert decision.parent == inner.parent == outer.id
    sent = carried(called)
    assert sent["traceparent"] == f"00-{trace}-{inner.id}-01"
    assert sent["tracestate"].replace(" ", "") == "a=1,b@x=2"
    assert (sent["baggage"], sent["com.example/own"]) == ("k=v", [1, 10**30])
    assert outer.resource["service.name"] == "door"
    assert outer.resource["service.instance.id"] == "main"
    assert outer.attributes["mcp.method.name"] == "tools/call"
    assert outer.attributes["gen_ai.tool.name"] == f"{back}__echo"
    assert outer.attributes["gen_ai.operation.name"] == "execute_tool"
    assert inner.attributes["gen_ai.tool.name"] == "echo"
    assert inner.attributes["ambassador.mcp"] == back
    assert decision.attributes["ambassador.decision"] == "permit"
    assert not any(each.failed for each in spans.values())
    # The span of the HTTP request is the root of a trace of its own, and linked.
    [link] = outer.span.links
    http = spans_of(collector, link.trace_id.hex(), "server POST /mcp")["server POST /mcp"]
    assert http.attributes["http.response.status_code"] == 200
    assert http.attributes["ambassador.request.id"] == outer.attributes["ambassador.request.id"]


@pytest.mark.parametrize("era", ERAS)
def test_the_sdk_at_both_ends_and_the_client_between_make_one_trace(
    world: World, collector: Collector, tmp_path: Path, era: str
) -> None:
    sdk, name = [sys.executable, "-m", "tests.end_to_end.traced_sdk", collector.url], f"sdk-{era}"
    world.publish(name, "stdio", {"command": [*sdk, "downstream"], "cwd": str(ROOT)})
    places = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    environment = world.rig.environment() | world.rig.client_environment(world.person().key) | places
    words = [*sdk, "host", era, f"{name}__add", str(BIN / "ambassador-client"), "proxy"]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=PATIENCE, env=environment, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    outer, inner = f"server tools/call {name}__add", "client tools/call add"
    wanted = ("internal the question of a person", f"internal MCP send tools/call {name}__add")
    spans = spans_of(collector, done.stdout.strip(), outer, inner, "server tools/call add")
    chain = [spans["server tools/call add"]]
    by_id = {each.id: each for each in spans.values()}
    while chain[-1].parent:
        chain.append(by_id[chain[-1].parent])
    assert [each.resource["service.name"] for each in chain] == ["downstream", "door", "door", "host", "host"]
    assert [each.name for each in chain][2:] == [f"tools/call {name}__add", wanted[1][9:], wanted[0][9:]]


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_the_context_of_headers_goes_on_in_meta(
    caller: Caller, collector: Collector, old: Downstream, face: Any
) -> None:
    trace, parent = fresh()
    wire = face.call(caller.secret, "legacy__echo", {"text": "hello"})
    headers = {**wire.headers, "traceparent": parent, "tracestate": "v=1"}
    answer = caller.http.post(wire.path, headers=headers, content=wire.body)
    assert face.read(answer.status_code, answer.content).succeeded
    route = "/v1/tools/invoke" if face is REST else "/mcp"
    spans = spans_of(collector, trace, f"server POST {route}", "client tools/call echo")
    http, outer = spans[f"server POST {route}"], spans["server tools/call legacy__echo"]
    assert http.parent == parent.split("-")[2]
    assert outer.parent == http.id
    assert carried(old)["traceparent"].split("-")[2] == spans["client tools/call echo"].id
    assert carried(old)["tracestate"] == "v=1"


MALFORMED = (
    "",
    "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
    "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
    "ff-" + "1" * 32 + "-" + "1" * 16 + "-01",
    "00-" + "A" * 32 + "-" + "1" * 16 + "-01",
    "00-" + "1" * 32 + "-" + "1" * 16 + "-01\n",
    "00-" + "1" * 32 + "-" + "1" * 16 + "-01-more",
    "x" * 100_000,
    7,
    None,
    ["00"],
)


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_a_malformed_context_is_ignored(world: World, caller: Caller, old: Downstream, face: Mcp) -> None:
    for parent in MALFORMED:
        assert call(caller, face, "legacy__echo", {"traceparent": parent, "tracestate": "a=1"}).succeeded
        sent = carried(old)
        assert sent["traceparent"] != parent
        assert len(sent["traceparent"]) == 55
        assert "1" * 16 not in sent["traceparent"]
        assert "tracestate" not in sent
    _, parent = fresh()
    for state in ("=", "a", "A=1", "a=1,a=2", "a=" + "x" * 300, 9, ",".join(f"k{n}=1" for n in range(33))):
        assert call(caller, face, "legacy__echo", {"traceparent": parent, "tracestate": state}).succeeded
        assert carried(old)["traceparent"].split("-")[1] == parent.split("-")[1]
        assert "tracestate" not in carried(old)
    assert "trace" not in "".join(line for line in world.log_text().splitlines() if '"warning"' in line)


def test_prompts_and_resources_have_spans_without_their_arguments(
    world: World, caller: Caller, collector: Collector
) -> None:
    world.publish_fixture("offers", "--offers", "tools,resources,prompts")
    requests = [
        ("prompts/get", {"name": "offers__greet", "arguments": {"whom": "Hidden12"}}, "gen_ai.prompt.name"),
        ("resources/read", {"uri": "memo://1"}, "mcp.resource.uri"),
    ]
    for method, params, attribute in requests:
        trace, parent = fresh()
        wire = LEGACY.request(caller.secret, method, {**params, "_meta": {"traceparent": parent}})
        assert "result" in json.loads(caller.send(wire).content)
        outer = f"server {method}" + (" offers__greet" if method == "prompts/get" else "")
        inner = f"client {method}" + (" greet" if method == "prompts/get" else "")
        spans = spans_of(collector, trace, outer, inner)
        assert spans[outer].attributes[attribute] in ("offers__greet", "memo://1")
        assert spans[inner].attributes["network.transport"] == "pipe"
    assert b"Hidden12" not in b"".join(collector.raw)


def test_a_cancelled_call_says_so(caller: Caller, collector: Collector) -> None:
    trace, parent = fresh()
    params = {"name": "legacy__slow", "arguments": {"seconds": 600}, "_meta": {"traceparent": parent}}
    wire = MODERN.request(caller.secret, "tools/call", params)
    with pytest.raises(httpx.ReadTimeout):
        caller.http.post(wire.path, headers=wire.headers, content=wire.body, timeout=0.5)
    spans = spans_of(collector, trace, "server tools/call legacy__slow", "client tools/call slow")
    assert {each.attributes.get("error.type") for each in spans.values() if each.name != "decide"} == {
        "cancelled"
    }


def test_failures_are_named_without_their_texts(caller: Caller, collector: Collector) -> None:
    secret = "ghp_" + "Hidden12" * 5
    cases = [
        ("legacy__fail", "tool_error", {}),
        ("legacy__nothing", "unknown_tool", {}),
        (secret, "unknown_tool", {"password": "hunter2hunter2"}),
    ]
    for tool, reason, arguments in cases:
        trace, parent = fresh()
        assert call(caller, LEGACY, tool, {"traceparent": parent}, arguments).failed
        shown = "[redacted]" if tool == secret else tool
        span = spans_of(collector, trace, f"server tools/call {shown}")[f"server tools/call {shown}"]
        assert (span.failed, span.attributes["error.type"], span.span.status.message) == (True, reason, "")
    sent = b"".join(collector.raw)
    for never in (secret, "hunter2hunter2", caller.secret, KEY):
        assert never.encode() not in sent


def test_a_denied_call_has_a_decision_and_no_downstream(
    world: World, collector: Collector, old: Downstream
) -> None:
    arrived = old.count()
    denied = world.session(world.person(world.group()))
    trace, parent = fresh()
    assert call(denied, MODERN, "legacy__echo", {"traceparent": parent}).failed
    spans = spans_of(collector, trace, "server tools/call legacy__echo", "internal decide")
    assert len(spans) == 2
    outer = spans["server tools/call legacy__echo"]
    assert (outer.attributes["ambassador.decision"], outer.attributes["error.type"]) == ("deny", "no_grant")
    assert spans["internal decide"].attributes["ambassador.reason"] == "no_grant"
    assert old.count() == arrived


def test_the_sender_of_a_trace_decides_whether_it_is_recorded(
    caller: Caller, collector: Collector, old: Downstream
) -> None:
    unwanted, parent = fresh()
    assert call(caller, LEGACY, "legacy__echo", {"traceparent": parent[:-2] + "00"}).succeeded
    assert carried(old)["traceparent"].startswith(f"00-{unwanted}-")
    assert carried(old)["traceparent"].endswith("-00")
    trace, parent = fresh()
    assert call(caller, LEGACY, "legacy__echo", {"traceparent": parent}).succeeded
    spans_of(collector, trace, "client tools/call echo")
    assert not collector.of_trace(unwanted)


def test_every_attribute_is_documented(world: World, caller: Caller, collector: Collector) -> None:
    assert caller.call(LEGACY, "legacy__echo", {"text": "hello"}).succeeded
    until(lambda: collector.spans, "a span has arrived")
    ours = [each for each in tuple(collector.spans) if each.resource["service.name"] == "door"]
    found = {name for each in ours for name in each.attributes}
    assert found <= documented_attributes()
    assert {"error.type", "ambassador.reason", "session.id", "http.route"} <= found


def test_the_metrics_are_those_of_the_admin_port(world: World, caller: Caller, collector: Collector) -> None:
    assert caller.call(LEGACY, "legacy__echo", {"text": "hello"}).succeeded
    served = scrape(world)
    labels = {"mcp": "legacy", "tool": "echo", "outcome": "succeeded"}
    count = served.value("mcp_ambassador_tool_calls_total", **labels)

    def points(name: str) -> list[Any]:
        found = collector.metrics.get(name)
        return [] if found is None else list(getattr(found, found.WhichOneof("data")).data_points)

    def exported() -> bool:
        return any(
            attributes(each.attributes) == labels and each.as_double + each.as_int >= count
            for each in points("mcp_ambassador_tool_calls")
        )

    until(exported, "the collector has the count")
    duration = collector.metrics["mcp_ambassador_call_duration_seconds"]
    assert (duration.WhichOneof("data"), duration.unit) == ("histogram", "s")
    for point in duration.histogram.data_points:
        assert point.count == sum(point.bucket_counts)
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert collector.metrics["mcp_ambassador_tool_calls"].sum.is_monotonic
    assert collector.metrics["mcp_ambassador_sessions"].WhichOneof("data") == "gauge"
    assert collector.metrics.keys() <= {family.name for family in every_family()}
    assert "mcp_ambassador_build_info" in collector.metrics


def test_the_key_of_the_collector_arrives_and_is_nowhere_else(world: World, collector: Collector) -> None:
    until(lambda: collector.headers, "something has arrived")
    # The SDK, which exports here too, has no key.
    assert {each.get("x-api-key") for each in tuple(collector.headers)} <= {KEY, None}
    assert KEY in [each.get("x-api-key") for each in tuple(collector.headers)]
    shown = json.dumps(world.ask("GET", "server/config"))
    assert "collector-key" in shown
    assert KEY not in shown
    assert KEY not in world.log_text()


def test_a_collector_that_fails_delays_no_call_and_no_stop(
    world: World, caller: Caller, collector: Collector
) -> None:
    collector.answering.clear()
    try:
        begun = time.monotonic()
        for _ in range(60):
            assert caller.call(LEGACY, "legacy__echo", {"text": "hello"}).succeeded
        while_hanging = time.monotonic() - begun
        world.restart()
    finally:
        collector.answering.set()
    begun = time.monotonic()
    for _ in range(60):
        assert caller.call(LEGACY, "legacy__echo", {"text": "hello"}).succeeded
    # A hundred times as long would be less than one waiting for the collector's ten seconds.
    assert while_hanging < 100 * (time.monotonic() - begun) + 5
    collector.status = 503
    until(lambda: "metrics are not exported" in world.log_text(), "the log has it")
    collector.status = 200
    trace, parent = fresh()
    assert call(caller, LEGACY, "legacy__echo", {"traceparent": parent}).succeeded
    spans_of(collector, trace, "client tools/call echo")


def test_what_waits_is_sent_at_the_stop(world: World, caller: Caller, collector: Collector) -> None:
    trace, parent = fresh()
    assert call(caller, LEGACY, "legacy__echo", {"traceparent": parent}).succeeded
    world.restart()
    assert "client tools/call echo" in collector.of_trace(trace)


def test_a_trace_may_end_at_the_server(
    prepared: Rig, old: Downstream, collector: Collector, tmp_path: Path
) -> None:
    telemetry = {"endpoint": collector.url, "propagate": False, "metrics": False}
    with running(tmp_path, prepared, telemetry=telemetry) as world:
        world.publish("legacy", "streamable_http", {"url": old.url})
        trace, parent = fresh()
        assert call(world.caller(), LEGACY, "legacy__echo", {"traceparent": parent}).succeeded
        spans_of(collector, trace, "client tools/call echo")
        assert carried(old) == {"traceparent": parent}
        job = '"job": "metrics"'
        assert job not in world.log_text()


def test_lines_of_a_traced_call_have_its_trace(world: World, caller: Caller) -> None:
    trace, parent = fresh()
    wire = REST.call(caller.secret, "legacy__echo", {"text": "hello"})
    with broken_log(world):
        answer = caller.http.post(
            wire.path, headers={**wire.headers, "traceparent": parent}, content=wire.body
        )
    assert answer.status_code == 503
    lines = [json.loads(line) for line in world.log_text().splitlines()]
    [line] = [line for line in lines if line.get("trace_id") == trace]
    assert line["request_id"] == answer.headers["X-Request-Id"]
