"""The modules that a start of the command may import."""

import json
import os
import subprocess
import sys

import pytest

from tests.admin.shell import PROGRAM, Shell
from tests.patience import PATIENCE

HEAVY = {"aiohttp", "cryptography", "httpx", "keyring", "mcp", "sqlalchemy", "yaml", "h11"}
PROBE = """
import json, sys
from ambassador_admin.__main__ import main
sys.argv = ["ambassador-admin", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def _modules(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version_loads_nothing_but_the_standard_library(word: str) -> None:
    assert (
        _modules(word) & (HEAVY | {"typer", "rich", "pydantic", "ssl", "asyncio", "ambassador_client"})
        == set()
    )


@pytest.mark.parametrize("words", [["--help"], ["user", "--help"], ["audit", "query", "--help"]])
def test_help_loads_no_library_that_only_commands_need(words: list[str]) -> None:
    assert _modules(*words) & (HEAVY | {"ssl", "asyncio"}) == set()


def test_wrong_command_line_loads_no_http_library() -> None:
    assert _modules("user", "list", "--nonsense") & HEAVY == set()


def test_every_version_command_prints_the_same(home: Shell) -> None:
    fast = subprocess.run(
        [PROGRAM, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout
    assert home.run("--version").out == fast
    assert home.run("-o", "json", "-V").out == fast
    assert home.run("version", "--fields", "version", "-o", "csv").out.split()[1] == fast.split()[1]


def test_no_argument_means_help(home: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.run().code == 0
    assert capsys.readouterr().out.startswith("Usage: ambassador-admin ")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ambassador-admin us", {"user"}),
        ("ambassador-admin kill tool", {"tool", "tool-class"}),
        ("ambassador-admin mcp add --arguments f", {"full"}),
        ("ambassador-admin user list --o", {"--output"}),
    ],
)
def test_completion_offers_the_next_words(line: str, offered: set[str]) -> None:
    asking = {
        "_AMBASSADOR_ADMIN_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
    }
    done = subprocess.run(
        [PROGRAM], env={**os.environ, **asking}, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert (set(done.stdout.split()), done.stderr) == (offered, "")
