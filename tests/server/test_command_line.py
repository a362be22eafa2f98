"""`ambassador-server` words its errors like the other two programs: one line with a code, and a hint."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.rig import Rig

PROGRAM = Path(sys.executable).parent / "ambassador-server"


def _run(*words: str, directory: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MCP_AMBASSADOR")}
    return subprocess.run(
        [str(PROGRAM), *words],
        cwd=directory,
        env={**plain, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "variables", "code", "error"),
    [
        (["nonsense"], {}, 2, "error: AMB-1001 No such command 'nonsense'."),
        (["check", "--config", "nowhere.yaml"], {}, 2, "error: AMB-5003 Cannot read nowhere.yaml: "),
        (
            ["check"],
            {"MCP_AMBASSADOR_PORT": "x"},
            2,
            "error: AMB-5003 port: must be a whole number (from MCP_AMBASSADOR_PORT)",
        ),
        (
            ["check"],
            {"MCP_AMBASSADOR_TLS": "off", "MCP_AMBASSADOR_HOST": "10.0.0.1"},
            2,
            "error: AMB-5003 tls: ",
        ),
    ],
)
def test_error_has_a_code(
    tmp_path: Path, words: list[str], variables: dict[str, str], code: int, error: str
) -> None:
    done = _run(*words, directory=tmp_path, **variables)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(error)


def test_directory_that_is_initialised_already_is_a_conflict(tmp_path: Path) -> None:
    Rig(tmp_path, is_preloaded=True).run(
        "ambassador-server", "init", "--data-dir", str(tmp_path / "ambassador-data")
    )
    done = _run("init", directory=tmp_path)
    assert done.returncode == 6
    assert done.stderr.startswith("error: AMB-1006 ambassador-data is already initialised")


def test_misspelt_variable_is_named(tmp_path: Path) -> None:
    done = _run("check", directory=tmp_path, MCP_AMBASSADOR_DATADIR="x", MCP_AMBASSADOR_WIKI_TOKEN="y")
    assert done.stderr == (
        "warning: MCP_AMBASSADOR_DATADIR is not a variable of MCP Ambassador. Did you mean MCP_AMBASSADOR_DATA_DIR?\n"
    )


def test_interruption_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    process = subprocess.Popen(
        [str(PROGRAM), "check", "--config", "pipe"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    # Opening returns as soon as the program has opened the pipe, too, and waits for text.
    with (tmp_path / "pipe").open("w"):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == "Interrupted. Run the command again: it completes what is missing.\n"
