"""The results of measurements, their budgets, and the tables of them."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Compared = Literal["ratio", "difference", "none"]
_BUSY_SHARE = 4
_HEAD = ("what", "relay", "ours", "ratio or difference", "budget", "holds")
_PEERS_TAIL = ("budget", "holds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A bound for the ratio to the relay, or for our own figure if nothing is compared."""

    at_least: float | None = None
    at_most: float | None = None

    def holds(self, value: float) -> bool:
        """Tell whether the value is within the bounds."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row. `ours` and `relay` hold one value per round, both measured in each round.

    `beside` says what stands in the relay's place, where that is something else. `peers` holds the same of other
    products, by name; figures that have it are a table of their own, in which all have the same peers.
    """

    name: str
    what: str
    unit: str
    ours: Sequence[float]
    relay: Sequence[float] = ()
    compared: Compared = "none"
    budget: Budget | None = None
    digits: int = 1
    beside: str = "relay"
    peers: Mapping[str, Sequence[float]] | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def per_round(self) -> list[float]:
        """Return the ratio of each round, or our own values."""
        if self.compared == "ratio":
            return [ours / relay for ours, relay in zip(self.ours, self.relay, strict=True)]
        if self.compared == "difference":
            return [ours - relay for ours, relay in zip(self.ours, self.relay, strict=True)]
        return list(self.ours)

    @property
    def value(self) -> float:
        """Return the median over the rounds of the value that the budget bounds."""
        return statistics.median(self.per_round())

    @property
    def holds(self) -> bool | None:
        """Tell whether the budget is met; None without a budget."""
        return None if self.budget is None else self.budget.holds(self.value)

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        relay = self._shown(statistics.median(self.relay)) if self.relay else "-"
        ours = self._shown(statistics.median(self.ours))
        return (self.what, relay, ours, self._comparison(), self._bound(), self._held())

    def row_beside(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the cells of the table of these peers: medians, and the lowest and highest round of each."""
        peers = self.peers or {}
        others = [self._spread(peers[name]) if name in peers else "-" for name in names]
        return (self.what, self._spread(self.ours), *others, self._bound(), self._held())

    def record(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        plain = asdict(self)
        plain["ours"], plain["relay"] = list(self.ours), list(self.relay)
        return {**plain, "value": self.value, "holds": self.holds}

    def _held(self) -> str:
        return {True: "yes", False: "NO", None: ""}[self.holds]

    def _comparison(self) -> str:
        rounds = self.per_round()
        if self.compared == "none":
            return "" if len(rounds) == 1 else f"({self._plain(min(rounds))} … {self._plain(max(rounds))})"
        if self.compared == "ratio":
            return f"{self.value:.2f} x ({min(rounds):.2f} … {max(rounds):.2f})"
        spread = f"({self._plain(min(rounds))} … {self._plain(max(rounds))})"
        return f"{self.value:+,.{self.digits}f} {self.unit} {spread}"

    def _spread(self, rounds: Sequence[float]) -> str:
        shown = self._shown(statistics.median(rounds))
        return f"{shown} ({self._plain(min(rounds))} … {self._plain(max(rounds))})"

    def _bound(self) -> str:
        if self.budget is None:
            return ""
        sign, bound = (
            ("≥", self.budget.at_least) if self.budget.at_least is not None else ("≤", self.budget.at_most)
        )
        return (
            f"{sign} {bound:g} x {self.beside}"
            if self.compared == "ratio"
            else f"{sign} {bound:g} {self.unit}".rstrip()
        )

    def _shown(self, value: float) -> str:
        return f"{self._plain(value)} {self.unit}".rstrip()

    def _plain(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"


def tables(figures: Sequence[Figure]) -> dict[str, str]:
    """Return Markdown tables by name: `table` for the relay and `peers` for other products, if they have rows."""
    names = list({name: None for figure in figures for name in figure.peers or {}})
    alone = [figure.row() for figure in figures if figure.peers is None]
    beside = [figure.row_beside(names) for figure in figures if figure.peers is not None]
    found = {"table": [_HEAD, *alone], "peers": [("what", "ours", *names, *_PEERS_TAIL), *beside]}
    return {name: _markdown(rows) for name, rows in found.items() if len(rows) > 1}


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table with even columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def machine() -> dict[str, Any]:
    """Return the properties of the machine that influence the figures."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def machine_line(facts: dict[str, Any]) -> str:
    """Return these properties as a sentence."""
    busy = facts["load_before"] > facts["cores"] / _BUSY_SHARE
    warning = " The machine was busy with other work: times are too long and rounds differ." if busy else ""
    return (
        f"{facts['date']}, {facts['processor']}, {facts['cores']} cores, Python {facts['python']}, "
        f"{facts['system']}, load average {facts['load_before']:.2f} before the run.{warning}"
    )


def write_json(file: Path, figures: Sequence[Figure], facts: dict[str, Any]) -> None:
    """Write every round of every figure."""
    content = {"machine": facts, "figures": [figure.record() for figure in figures]}
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
