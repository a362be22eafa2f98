"""`audit verify --offline` verifies a copy of the log without a server or a database."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ambassador_protocol.audit.files import key_file_name
from ambassador_server.audit_log.log import JsonlAuditLog
from tests.admin.shell import Shell
from tests.fakes.clock import ManualClock
from tests.patience import PATIENCE
from tests.server.audit_log.samples import KEYS, SIGNER, WRITER, append_all, segments

NO_OUTCOMES = (
    f"warning: {WRITER}: 5 attempts have no outcome: they are running or were when a server was killed, and "
    "may have run."
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of a log with a few records."""
    directory = tmp_path / "copy"

    async def write() -> None:
        log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=ManualClock())
        await append_all(log, range(5))
        await log.close()

    asyncio.run(write())
    return directory


@pytest.fixture
def key(copy: Path) -> str:
    return str(copy / key_file_name(KEYS[0].key_id))


def test_unchanged_copy_is_verified(shell: Shell, copy: Path, key: str) -> None:
    done = shell.run("audit", "verify", "--offline", str(copy), "--key", key, "-o", "json")
    assert (done.code, done.err.splitlines()) == (0, [NO_OUTCOMES])
    [found] = json.loads(done.out)
    assert found["without_outcome"] == 5
    assert (found["writer"], found["ok"], found["records"]) == (WRITER, True, 5)
    assert (found["uncovered"], found["is_closed"], found["fault"]) == (0, True, None)
    anchor = f"{WRITER}:{found['seq']}:{found['digest']}"
    again = shell.run("audit", "verify", "--offline", str(copy), "--key", key, "--anchor", anchor)
    assert again.code == 0


def test_changed_record_is_reported_with_its_line(shell: Shell, copy: Path, key: str) -> None:
    [segment] = segments(copy)
    segment.write_bytes(segment.read_bytes().replace(b'"r-3"', b'"r-9"'))
    done = shell.run("audit", "verify", "--offline", str(copy), "--key", key)
    assert done.code == 1
    assert f"error: AMB-4005 The audit log is broken: {WRITER}/00000001.jsonl, line 5, record 5" in done.err


def test_unsigned_end_is_reported(shell: Shell, copy: Path, key: str) -> None:
    [segment] = segments(copy)
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-1]) + b'{"ev')
    done = shell.run("audit", "verify", "--offline", str(copy), "--key", key)
    assert done.code == 0
    assert "5 records after the last checkpoint are not signed yet" in done.err
    assert "the last 4 bytes are an incomplete line" in done.err


def test_directory_without_a_record_is_not_whole(shell: Shell, copy: Path, key: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = shell.run("audit", "verify", "--offline", str(empty), "--key", key)
    assert done.code == 1
    assert "error: AMB-4005 The audit directory holds no record." in done.err
    # The directory of one writer is the wrong one: it has no directory of a writer in it.
    done = shell.run("audit", "verify", "--offline", str(copy / WRITER), "--key", key)
    assert (done.code, "holds no record" in done.err) == (1, True)


def test_missing_writer_is_reported_when_it_is_named(shell: Shell, copy: Path, key: str) -> None:
    words = ["audit", "verify", "--offline", str(copy), "--key", key, "--writer"]
    assert shell.run(*words, WRITER).code == 0
    done = shell.run(*words, "gone")
    assert (done.code, "the writer has no log" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["--offline", "{copy}"], 2, "--offline needs --key"),
        (["--key", "{key}"], 2, "go with --offline"),
        (["--offline", "{copy}/nowhere", "--key", "{key}"], 5, "is not a directory"),
        (["--offline", "{copy}", "--key", "{copy}/nowhere.pem"], 5, "There is no"),
        (["--offline", "{copy}", "--key", "{copy}/node-1/00000001.jsonl"], 2, "no Ed25519 public key"),
        (["--offline", "{copy}", "--key", "{key}", "--anchor", "node-1:x:y"], 2, "is not WRITER:SEQ:DIGEST"),
        (["--offline", "{copy}", "--key", "{key}", "--from", "soon"], 2, "neither a duration nor a time"),
    ],
)
def test_unusable_copy_key_or_anchor_is_an_error(
    shell: Shell, copy: Path, key: str, words: list[str], code: int, complaint: str
) -> None:
    arguments = [word.replace("{copy}", str(copy)).replace("{key}", key) for word in words]
    done = shell.run("audit", "verify", *arguments)
    assert done.code == code
    assert complaint in done.err


def test_verifying_a_copy_needs_no_library_of_the_server(copy: Path, key: str, tmp_path: Path) -> None:
    """It imports neither the server's libraries nor the HTTP client; without cryptography it says how to install it."""
    script = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Finder())
from ambassador_admin.cli.app import run
sys.exit(run(sys.argv[1:]))
"""
    server = {"aiohttp", "msgspec", "sqlalchemy", "ambassador_server", "httpx"}
    for absent, code, message in ((server, 0, ""), (server | {"cryptography"}, 1, "mcp-ambassador[audit]")):
        words = ["audit", "verify", "--offline", str(copy), "--key", key]
        done = subprocess.run(
            [sys.executable, "-c", script.replace("{absent!r}", repr(absent)), *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "HOME": str(tmp_path)},
        )
        assert done.returncode == code, done.stderr
        assert message in done.stderr
