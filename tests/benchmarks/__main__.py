"""The figures of docs/performance.md, measured on real servers beside a bare relay in the same run."""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from tests.benchmarks import (
    audit,
    audit_index,
    audit_queries,
    calls,
    clients,
    credentials,
    guard_rails,
    peers,
    provisioning,
    sandboxes,
    scale,
    server,
    starts,
    tokens,
)
from tests.benchmarks.figures import Figure, machine, machine_line, tables, write_json
from tests.benchmarks.processes import ROOT, BenchError
from tests.benchmarks.world import FULL, QUICK, Effort, World
from tests.rig import CommandError

SCENARIOS: dict[str, Callable[[World, Effort], list[Figure]]] = {
    "throughput": calls.throughput,
    "latency": calls.latency,
    "audit": audit.audit,
    "credential": credentials.credentials,
    "guard-rails": guard_rails.guard_rails,
    "tokens": tokens.tokens,
    "register": server.register,
    "throughput-tls": calls.throughput_tls,
    "client": clients.client,
    "register-tls": server.register_tls,
    "memory": server.resident,
    "filter": server.filtering,
    "starts": starts.starts,
    "sandboxes": sandboxes.sandboxes,
    "provisioning": provisioning.provisioning,
    "list": server.listing,
    "scale": scale.scale,
    "audit-index": audit_index.indexing,
    "audit-queries": audit_queries.queries,
    "peers": peers.peers,
}
_DOCUMENT = ROOT / "docs" / "performance.md"


def measure(names: Sequence[str], effort: Effort) -> list[Figure]:
    """Run scenarios one after another."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="ambassador-bench-") as directory:
        world = World(Path(directory), hurries=effort is QUICK)
        try:
            for name in names:
                begun = monotonic()
                figures += SCENARIOS[name](world, effort)
                print(f"{name}: {monotonic() - begun:.0f} s", file=sys.stderr)
        finally:
            world.close()
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; an exceeded budget is a line in the table, not an error."""
    options = _options(arguments)
    facts = machine()
    try:
        figures = measure(options.only or list(SCENARIOS), QUICK if options.quick else FULL)
    except (BenchError, CommandError) as error:
        print(f"Nothing was measured: {error}", file=sys.stderr)
        return 1
    shown = {name: f"{machine_line(facts)}\n\n{table}\n" for name, table in tables(figures).items()}
    print("\n".join(shown.values()))
    if options.json is not None:
        write_json(options.json, figures, facts)
    if options.document:
        for name, text in shown.items():
            _replace(name, text)
    return 0


def _replace(name: str, shown: str) -> None:
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    text = place.sub(lambda found: f"{found[1]}{shown}{found[2]}", _DOCUMENT.read_text(encoding="utf-8"))
    _DOCUMENT.write_text(text, encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    flags = argparse.ArgumentParser(prog="make bench", description=__doc__)
    flags.add_argument(
        "--only", action="append", choices=list(SCENARIOS), metavar="NAME", help=", ".join(SCENARIOS)
    )
    flags.add_argument(
        "--quick", action="store_true", help="few rounds: shows that it works, proves no budget"
    )
    flags.add_argument("--json", type=Path, metavar="FILE", help="write every round as JSON")
    flags.add_argument(
        "--document", action="store_true", help="put the tables that were measured into docs/performance.md"
    )
    return flags.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
