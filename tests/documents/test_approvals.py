"""The commands and the file in the chapter on approvals of `docs/guard-rails.md` are used as they are written."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import preloaded
from tests.documents.test_guard_rails import chapter
from tests.patience import PATIENCE
from tests.rig import BIN, Rig

CHAPTER = chapter("Approvals of calls")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ (.*)$", CHAPTER, re.MULTILINE)]
(FILE,) = re.findall(r"```yaml\n(.*?)```", CHAPTER, re.DOTALL)
ZONES = {"source_timezone": "UTC", "target_timezone": "Asia/Tokyo"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    config = tmp_path / "server.yaml"
    config.write_text("approvals: {hold_seconds: 0}\n")
    rig = Rig(tmp_path, tls=False, is_preloaded=True, server_flags=("--config", str(config)))
    rig.init()
    rig.start()
    try:
        yield rig
    finally:
        rig.stop()


def words_of(program: str, *beginning: str) -> list[list[str]]:
    """Return the words of the commands of a program that begin so."""
    return [
        words[1:]
        for words in COMMANDS
        if words[0] == program and words[1 : 1 + len(beginning)] == list(beginning)
    ]


class User:
    """A user with a client key."""

    def __init__(self, rig: Rig, name: str, group: str) -> None:
        rig.admin("user", "create", name)
        rig.admin("group", "add-member", group, name)
        self.rig = rig
        self.key = str(rig.admin_json("key", "issue", name, "--name", "laptop")["preshared_key"])

    def run(self, *words: str, expect: int = 0) -> str:
        done = preloaded.run(
            "ambassador-client",
            *words,
            env=self.rig.client_environment(self.key),
            stdin="",
            timeout=PATIENCE,
        )
        assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return str(done.stdout)

    def convert(self, time: str) -> Any:
        """Call the tool that needs an approval over REST."""
        return httpx.post(
            f"{self.rig.client_url}/v1/tools/invoke",
            json={"tool": "time__convert_time", "arguments": {**ZONES, "time": time}},
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=PATIENCE,
        ).json()

    def asks(self, time: str) -> str:
        """Call, and return the id of the request that waits."""
        (text,) = [each["text"] for each in self.convert(time)["result"]]
        (found,) = re.findall(r"Request (\w+) waits", text)
        return str(found)


def test_the_commands_about_approvals_work_as_written(rig: Rig, tmp_path: Path) -> None:
    rig.admin("mcp", "add", "time", "--publish", "--", str(BIN / "mcp-server-time"))
    rig.admin("group", "create", "deployers")
    for words in words_of("ambassador-admin", "group"):
        rig.admin(*words)
    alice, bob = User(rig, "alice", "deployers"), User(rig, "bob", "approvers")
    for words in [*words_of("ambassador-admin", "grant"), *words_of("ambassador-admin", "access")]:
        assert rig.admin(*words).stdout
    explained = rig.admin("access", "explain", "alice", "time.convert_time").stdout
    assert "after the approval of a member of group approvers, good for 5 minutes" in explained
    waiting = alice.asks("10:00")
    for words in words_of("ambassador-client", "request"):
        decides = bool({"--to-decide", "approve", "deny"} & set(words))
        if words[1] in {"deny", "cancel"}:
            waiting = alice.asks(f"11:0{len(words)}")
        said = (bob if decides else alice).run(*(waiting if each == "ID" else each for each in words))
        assert waiting in said, words
    assert "isError" not in str(alice.convert("10:00"))
    rig.admin("group", "add-member", "deployers", "bob")
    waiting = str(ask_for_the_time(bob))
    for words in words_of("ambassador-admin", "approval"):
        if words[1] == "watch":
            continue  # it never ends; tests/admin/test_watching_approvals.py runs it
        if words[1] == "deny":
            waiting = ask_for_the_time(alice)
        assert waiting in rig.admin(*(waiting if each == "ID" else each for each in words)).stdout, words
    for words in words_of("ambassador-admin", "audit"):
        assert "bob" in rig.admin(*words).stdout


def ask_for_the_time(user: User) -> str:
    answer = httpx.post(
        f"{user.rig.client_url}/v1/tools/invoke",
        json={"tool": "time__get_current_time", "arguments": {"timezone": "UTC"}},
        headers={"Authorization": f"Bearer {user.key}"},
        timeout=PATIENCE,
    )
    (found,) = re.findall(r"Request (\w+) waits", answer.text)
    return str(found)


def test_the_file_with_an_approval_is_applied_and_exported(rig: Rig, tmp_path: Path) -> None:
    rig.admin("mcp", "add", "time", "--publish", "--", str(BIN / "mcp-server-time"))
    for group in ("deployers", "approvers"):
        rig.admin("group", "create", group)
    declared = tmp_path / "approvals.yaml"
    declared.write_text(FILE)
    rig.admin("apply", "-f", str(declared), "--yes")
    (grant,) = rig.admin_json("grant", "list")
    assert grant["approval"] == {"approvers": "approvers", "valid_seconds": 300}
    exported = tmp_path / "again.yaml"
    exported.write_text(rig.admin("export", "--owner", "ci/approvals").stdout)
    assert "0 to create, 0 to change" in rig.admin("diff", "-f", str(exported)).stderr
    declared.write_text(FILE.split("    approval:")[0])
    rig.admin("apply", "-f", str(declared), "--yes")
    assert rig.admin_json("grant", "list")[0]["approval"] is None
