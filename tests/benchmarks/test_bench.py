"""The bench runs: figures exist and every call succeeded. How large they are is no matter of a test."""

import json
import math
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import main


def test_latency_is_measured_beside_the_relay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"

    assert main(["--quick", "--only", "latency", "--only", "filter", "--json", str(file)]) == 0

    written = json.loads(file.read_text())
    figures = {figure["name"]: figure for figure in written["figures"]}
    assert set(figures) == {"latency_p50", "latency_p99", "filter"}
    assert all(math.isfinite(value) and value > 0 for figure in figures.values() for value in figure["ours"])
    assert len(figures["latency_p50"]["relay"]) == len(figures["latency_p50"]["ours"]) > 0
    assert {"processor", "cores", "python", "date"} <= set(written["machine"])
    assert "policy filter over 10,000 tools" in capsys.readouterr().out


def test_an_apply_of_many_users_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"

    assert main(["--quick", "--only", "provisioning", "--json", str(file)]) == 0

    figures = {figure["name"]: figure["ours"] for figure in json.loads(file.read_text())["figures"]}
    assert set(figures) == {"provisioning_apply", "provisioning_diff"}
    assert all(len(ours) == 1 and ours[0] > 0 for ours in figures.values())
