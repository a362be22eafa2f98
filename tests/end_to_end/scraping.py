"""Reads the metrics of a server as Prometheus does, with the parser of its own library."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.end_to_end.world import World

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True, slots=True)
class Scraped:
    """The values of one scrape by name and labels, and the type of each family."""

    values: Mapping[tuple[str, frozenset[tuple[str, str]]], float]
    types: Mapping[str, str]

    def value(self, name: str, **labels: str) -> float:
        """Return a value, 0 if there is none."""
        return self.values.get((name, frozenset(labels.items())), 0.0)

    def labels(self) -> set[str]:
        """Return every value of a label."""
        return {value for _, labels in self.values for _, value in labels}


def scrape(world: World, *, accept: str = "text/plain") -> Scraped:
    """Return the metrics of a server that must serve them."""
    return read(get(world, world.rig.facts["admin_key"], accept=accept))


def get(world: World, secret: str, *, accept: str = "text/plain") -> httpx.Response:
    """Ask for the metrics as Prometheus does with `credentials_file`."""
    headers = {"Authorization": f"Bearer {secret}".strip(), "Accept": accept}
    return httpx.get(f"{world.rig.admin_url}/metrics", headers=headers, timeout=30, trust_env=False)


def read(answer: httpx.Response) -> Scraped:
    """Parse an answer by its content type."""
    assert answer.status_code == 200, answer.text
    is_open = answer.headers["Content-Type"].startswith("application/openmetrics-text")
    families = list((parse_openmetrics if is_open else parse_text)(answer.text))
    samples = [sample for family in families for sample in family.samples]
    values = {(each.name, frozenset(each.labels.items())): each.value for each in samples}
    assert len(values) == len(samples), "a value is served twice"
    return Scraped(values, {family.name: family.type for family in families})
