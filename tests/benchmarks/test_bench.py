"""The benchmark runs: figures exist and every call succeeded; no test depends on their size."""

import dataclasses
import http.client
import json
import math
from pathlib import Path

import pytest

from tests.benchmarks import bridges, guard_rails, peers
from tests.benchmarks.__main__ import main
from tests.benchmarks.figures import tables
from tests.benchmarks.processes import listening
from tests.benchmarks.tokens import checks, tokens
from tests.benchmarks.world import HEADERS, QUICK, World


def test_scenarios_are_measured_beside_the_relay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    only = [
        word
        for name in ("latency", "filter", "provisioning", "sandboxes", "credential")
        for word in ("--only", name)
    ]

    assert main(["--quick", *only, "--json", str(file)]) == 0

    written = json.loads(file.read_text())
    figures = {figure["name"]: figure for figure in written["figures"]}
    measured = {"latency_p50", "latency_p99", "filter"}
    applied = {"provisioning_apply", "provisioning_diff"}
    sandboxed = {name for name in figures if name.startswith("sandbox_")}
    assert set(figures) == measured | applied | sandboxed | {"credential_computed"}
    assert all(math.isfinite(value) and value > 0 for figure in figures.values() for value in figure["ours"])
    assert len(figures["latency_p50"]["relay"]) == len(figures["latency_p50"]["ours"]) > 0
    assert all(len(figures[name]["ours"]) == 1 for name in applied)
    assert {"processor", "cores", "python", "date"} <= set(written["machine"])
    assert "policy filter over 10,000 tools" in capsys.readouterr().out


@pytest.mark.endurance
def test_guard_rails_are_measured_beside_a_server_without_any(tmp_path: Path) -> None:
    world = World(tmp_path, hurries=True)
    try:
        limit, together = guard_rails.guard_rails(world, QUICK)
    finally:
        world.close()

    assert len(limit.ours) == len(limit.relay) == QUICK.rounds
    assert all(value > 0 for figure in (limit, together) for value in (*figure.ours, *figure.relay))


def test_the_check_of_a_token_is_measured_by_how_it_is_known() -> None:
    figures = {figure.name: figure for figure in checks(QUICK)}

    assert set(figures) == {"token_known", "token_known_opaque", "token_first_es256", "token_first_rs256"}
    assert all(len(figure.ours) == QUICK.rounds and min(figure.ours) > 0 for figure in figures.values())
    assert max(figures["token_known"].ours) < min(figures["token_first_es256"].ours), "nothing was remembered"


@pytest.mark.endurance
def test_calls_with_tokens_are_measured_beside_the_relay_and_sessions(tmp_path: Path) -> None:
    world = World(tmp_path, hurries=True)
    try:
        figures = {figure.name: figure for figure in tokens(world, QUICK)}
    finally:
        world.close()

    for name in ("token_computed", "token_beside_session"):
        assert len(figures[name].ours) == len(figures[name].relay) == QUICK.rounds
        assert min(*figures[name].ours, *figures[name].relay) > 0


def test_bridges_are_measured_in_turn(tmp_path: Path) -> None:
    effort = dataclasses.replace(QUICK, starts=1, rounds=1)
    with listening("comparison_server") as (_, port):
        url = f"http://127.0.0.1:{port}"
        ours = bridges.ours(url, World(tmp_path).rig.environment())
        another = dataclasses.replace(ours, name="another 1.0")  # nothing is installed for a test

        figures = {figure.name: figure for figure in peers.compare([ours, another], url, effort)}

    assert all(math.isfinite(value) for figure in figures.values() for value in figure.ours)
    assert figures["peers_requests"].ours == [1.0]
    assert figures["peers_requests"].peers == {"another 1.0": [1.0]}
    assert figures["peers_start_ratio"].ours[0] > 0
    assert 0 < figures["peers_start"].ours[0] < figures["peers_first_call"].ours[0]
    assert 0 < figures["peers_peak"].ours[0] <= figures["peers_peak_large"].ours[0]
    assert "| another 1.0 " in tables(list(figures.values()))["peers"]


def test_the_server_of_the_comparison_counts_every_request() -> None:
    ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    with listening("comparison_server") as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for method, path, body in [("POST", "/mcp", ping), ("POST", "/mcp", ping), ("GET", "/mcp", "")]:
            connection.request(method, path, body, HEADERS)
            connection.getresponse().read()
        connection.request("GET", "/counts")
        counts = json.loads(connection.getresponse().read())
        connection.close()

    assert counts == {"POST /mcp": 2, "GET /mcp": 1}
