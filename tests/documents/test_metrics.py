"""docs/metrics.md: its configuration of Prometheus parses, and its alerts ask for metrics that there are."""

import re

import yaml

from ambassador_protocol.paths import METRICS
from ambassador_server.services.monitoring.families import FamilyKind
from tests.architecture.test_sizes import ROOT
from tests.documents.metrics import PAGE, every_family, served_name

TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
SCRAPE, ALERTS = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))


def test_prometheus_is_told_the_default_path() -> None:
    (job,) = SCRAPE["scrape_configs"]
    assert METRICS == "/metrics"
    assert job["scheme"] == "https"
    assert set(job["authorization"]) == {"credentials_file"}


def test_alerts_ask_for_metrics_that_there_are() -> None:
    names = {served_name(family) for family in every_family()}
    names |= {f"{each.name}_count" for each in every_family() if each.kind is FamilyKind.HISTOGRAM}
    (group,) = ALERTS["groups"]
    asked = {name for rule in group["rules"] for name in re.findall(r"mcp_\w+", rule["expr"])}
    assert asked <= names
    assert len(asked) >= 5


def test_the_reasons_of_failed_calls_are_those_of_the_pipeline() -> None:
    for reason in (
        "downstream_timeout",
        "downstream_unavailable",
        "overloaded",
        "cancelled",
        "server_stopping",
    ):
        assert f"`{reason}`" in TEXT
