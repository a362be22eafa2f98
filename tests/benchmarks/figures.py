"""What a measurement came to, the budget it is held against, and the table of all of them."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Compared = Literal["ratio", "difference", "none"]
_BUSY_SHARE = 4
_HEAD = ("what", "relay", "ours", "ratio or difference", "budget", "holds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A bound for the comparison with the relay, or for our own figure where nothing is compared."""

    at_least: float | None = None
    at_most: float | None = None

    def holds(self, value: float) -> bool:
        """Tell whether the value keeps to it."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row. `ours` and `relay` hold one value per round, the rounds of both taken in turn.

    `beside` says what stands in the relay's place, where that is something else.
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
    notes: dict[str, Any] = field(default_factory=dict)

    def per_round(self) -> list[float]:
        """Return the comparison in each round, or our own values."""
        if self.compared == "ratio":
            return [ours / relay for ours, relay in zip(self.ours, self.relay, strict=True)]
        if self.compared == "difference":
            return [ours - relay for ours, relay in zip(self.ours, self.relay, strict=True)]
        return list(self.ours)

    @property
    def value(self) -> float:
        """Return the median over the rounds of what the budget speaks of."""
        return statistics.median(self.per_round())

    @property
    def holds(self) -> bool | None:
        """Tell whether the budget holds; None without one."""
        return None if self.budget is None else self.budget.holds(self.value)

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        relay = self._shown(statistics.median(self.relay)) if self.relay else "-"
        ours = self._shown(statistics.median(self.ours))
        held = {True: "yes", False: "NO", None: ""}[self.holds]
        return (self.what, relay, ours, self._comparison(), self._bound(), held)

    def record(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        plain = asdict(self)
        plain["ours"], plain["relay"] = list(self.ours), list(self.relay)
        return {**plain, "value": self.value, "holds": self.holds}

    def _comparison(self) -> str:
        rounds = self.per_round()
        if self.compared == "none":
            return "" if len(rounds) == 1 else f"({self._plain(min(rounds))} … {self._plain(max(rounds))})"
        if self.compared == "ratio":
            return f"{self.value:.2f} x ({min(rounds):.2f} … {max(rounds):.2f})"
        spread = f"({self._plain(min(rounds))} … {self._plain(max(rounds))})"
        return f"{self.value:+,.{self.digits}f} {self.unit} {spread}"

    def _bound(self) -> str:
        if self.budget is None:
            return ""
        sign, bound = (
            ("≥", self.budget.at_least) if self.budget.at_least is not None else ("≤", self.budget.at_most)
        )
        return (
            f"{sign} {bound:g} x {self.beside}"
            if self.compared == "ratio"
            else f"{sign} {bound:g} {self.unit}"
        )

    def _shown(self, value: float) -> str:
        return f"{self._plain(value)} {self.unit}"

    def _plain(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"


def table(figures: Sequence[Figure]) -> str:
    """Return the rows as a Markdown table with even columns."""
    rows = [_HEAD, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def machine_line(facts: dict[str, Any]) -> str:
    """Return the same as a sentence."""
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
