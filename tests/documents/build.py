"""Writes every generated document again: `python -m tests.documents.build`."""

from collections.abc import Mapping
from pathlib import Path

from ambassador_server.web.admin.routes import admin_endpoints
from tests.documents import api, bash, fish, hosts, markdown, metrics, roff, sinks, zsh
from tests.documents.programs import programs

ROOT = Path(__file__).parents[2]


def documents() -> Mapping[str, str]:
    """Return the text of each generated file by its path from the root."""
    found = {
        "docs/commands.md": markdown.page(programs()),
        "docs/admin-api.md": api.page(admin_endpoints()),
        sinks.PAGE: sinks.page(ROOT),
        hosts.PAGE: hosts.page(ROOT),
        metrics.PAGE: metrics.page(ROOT),
    }
    for program in programs():
        found[f"man/{program.name}.1"] = roff.page(program)
        for shell in (bash, zsh, fish):
            ending = shell.__name__.rpartition(".")[2]
            found[f"completions/{program.name}.{ending}"] = shell.script(program)
    return found


def main() -> None:
    """Write the files."""
    for name, text in documents().items():
        path = ROOT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
