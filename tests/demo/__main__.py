"""The demo of the product on real servers; every step is checked, and the first failure ends it with exit 1."""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcp import Client, MCPError, StdioServerParameters
from mcp_types import ElicitRequestParams, ElicitResult

from tests.rig import BIN, CommandError, Rig

ROOT = Path(__file__).parents[2]
_started = time.monotonic()


class DemoError(AssertionError):
    """A step failed."""


def say(text: str) -> None:
    print(f"\n[{time.monotonic() - _started:5.1f}s] {text}", flush=True)


def show(text: str) -> None:
    for line in text.rstrip().splitlines():
        print(f"         {line}")


def must(condition: bool, what: str) -> None:
    if not condition:
        raise DemoError(what)


@contextmanager
def notes_server() -> Iterator[str]:
    """Run the streamable-HTTP MCP and yield its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.demo.notes_server"], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
    finally:
        process.terminate()
        process.wait(timeout=10)


def administrate(rig: Rig, *words: str) -> str:
    """Run an admin command and show the command line and its output."""
    print(f"         $ ambassador-admin {' '.join(words)}")
    text = rig.admin(*words).stdout
    show(text)
    return text


def publish_mcps(rig: Rig, notes_url: str) -> None:
    say("An administrator adds three MCP servers and publishes them")
    git = ["--transport", "stdio", "--", str(BIN / "mcp-server-git"), "--repository", str(ROOT)]
    clock = ["--transport", "stdio", "--", str(BIN / "mcp-server-time"), "--local-timezone", "UTC"]
    for name, words in (("git", git), ("time", clock), ("notes", ["--url", notes_url])):
        rig.admin("mcp", "add", name, *words)
        rig.admin("mcp", "publish", name)
    administrate(rig, "mcp", "list")
    states = {mcp["name"]: mcp["status"] for mcp in rig.admin_json("mcp", "list")}
    must(states == {"git": "published", "time": "published", "notes": "published"}, f"published: {states}")


def provision(rig: Rig) -> str:
    say("… and a user, a group, a grant for each MCP, and a key for the user's laptop")
    rig.admin("user", "create", "alice")
    rig.admin("group", "create", "developers")
    rig.admin("group", "add-member", "developers", "alice")
    for mcp in ("git", "time", "notes"):
        rig.admin("grant", "add", "developers", mcp)
    administrate(rig, "grant", "list")
    issued = rig.admin_json("key", "issue", "alice", "--name", "laptop")
    key: str = issued["preshared_key"]
    must(key.startswith("amb_pk_"), "a key was issued")
    return key


def publish_tickets(rig: Rig) -> None:
    say("An administrator publishes an MCP that each user reaches with a token of their own")
    program = [sys.executable, str(ROOT / "tests/demo/tickets_server.py")]
    rig.admin("mcp", "add", "tickets", "--transport", "stdio", "--", *program)
    administrate(rig, "credential", "declare", "tickets", "token", "--environment", "TICKETS_TOKEN")
    token = rig.directory / "administrators-token"
    token.write_text("root-1")
    administrate(rig, "mcp", "publish", "tickets", "--credential", f"token=file://{token}")
    rig.admin("grant", "add", "developers", "tickets")


async def use_own_credential(rig: Rig, key: str) -> None:
    publish_tickets(rig)
    async with host(rig, key, "legacy") as legacy:
        say("Without it a call is refused, and the refusal names the command; with it alice is alice")
        try:
            await legacy.call_tool("tickets__my_account", {})
        except MCPError as error:
            show(str(error))
            must("ambassador-client credential set tickets" in str(error), f"the command is named: {error}")
        else:
            raise DemoError("the MCP was reached without the user's credential")
        words = ("credential", "set", "tickets", "token", "--from", "-")
        print(f"         $ ambassador-client {' '.join(words)}")
        environment = rig.client_environment(key)
        await asyncio.to_thread(rig.run, "ambassador-client", *words, stdin="alice-7", env=environment)
        answer = await legacy.call_tool("tickets__my_account", {})
        must(answer.content[0].text == "alice", f"the MCP knows its user: {answer.content[0].text}")
        show(f"tickets__my_account: {answer.content[0].text}")


def host(rig: Rig, key: str, mode: str) -> Client:
    """Return the MCP SDK's own client with `ambassador-client` as its stdio server."""
    parameters = StdioServerParameters(
        command=str(BIN / "ambassador-client"), env={**rig.environment(), **rig.client_environment(key)}
    )
    return Client(parameters, mode=mode, read_timeout_seconds=30, elicitation_callback=agree)


async def agree(_: Any, question: ElicitRequestParams) -> ElicitResult:
    """Answer a question of an MCP as the user does in the application."""
    show(f"? {question.message} yes")
    return ElicitResult(action="accept", content={"sure": True})


async def call_git_log(client: Client) -> str:
    result = await client.call_tool("git__git_log", {"repo_path": str(ROOT), "max_count": 3})
    must(not result.is_error, "git_log succeeded")
    return "\n".join(block.text for block in result.content if block.type == "text")


def newest_commit() -> str:
    head = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return head.stdout.strip()


async def refusal(client: Client) -> str:
    try:
        text = await call_git_log(client)
    except MCPError as error:
        return str(error)
    raise DemoError(f"the killed tool still answered: {text[:80]}")


async def use_tools(rig: Rig, key: str) -> None:
    say(
        "The AI application starts ambassador-client over stdio and sees every tool (2025-11-25 and 2026-07-28)"
    )
    async with host(rig, key, "legacy") as legacy, host(rig, key, "auto") as modern:
        names = sorted(tool.name for tool in (await legacy.list_tools()).tools)
        show(", ".join(names))
        must(
            {"git__git_log", "time__get_current_time", "notes__add_note"} <= set(names),
            "all three MCPs appear",
        )
        must(
            names == sorted(tool.name for tool in (await modern.list_tools()).tools), "both eras see the same"
        )

        say("It calls git__git_log on this very repository")
        log = await call_git_log(legacy)
        show(log)
        must(newest_commit() in log, "the newest commit is in the log")
        must(await call_git_log(modern) == log, "both eras get the same answer")
        note = await modern.call_tool("notes__add_note", {"text": "seen through the ambassador"})
        must(not note.is_error, "the streamable-HTTP MCP answers")

        await use_what_is_no_tool(legacy, modern)

        say("The administrator sees it in the audit")
        administrate(rig, "audit", "query", "--resource", "git.*", "--limit", "4")
        events = rig.admin_json("audit", "query", "--resource", "git.git_log")
        actions = [event["action"] for event in events]
        must(actions.count("call:tool:attempt") == 2, f"two attempts are recorded: {actions}")
        must(actions.count("call:tool:outcome") == 2, f"two outcomes are recorded: {actions}")
        must(all(event["actor"]["name"] == "alice" for event in events), "alice is the actor")

        say("The administrator pulls the kill switch on git; the very next call is refused, in both eras")
        administrate(rig, "kill", "mcp", "git", "--reason", "incident 42: leaked token in history")
        for client in (legacy, modern):
            message = await refusal(client)
            show(message)
            must("incident 42" in message, f"the reason is shown: {message}")
        left = [tool.name for tool in (await legacy.list_tools()).tools]
        must(not any(name.startswith("git__") for name in left), "the tools are gone from the list")
        other = await legacy.call_tool("time__get_current_time", {"timezone": "UTC"})
        must(not other.is_error, "the other MCPs go on")

        say("… and lifts it again; the call works")
        switch = rig.admin_json("kill", "list")[0]
        administrate(rig, "kill", "lift", switch["id"])
        must(await call_git_log(legacy) == log, "the call works again")


async def use_what_is_no_tool(legacy: Client, modern: Client) -> None:
    say("Resources, prompts and the questions of an MCP pass through as well, in both eras")
    for client in (legacy, modern):
        await client.call_tool("notes__add_note", {"text": "one more"})
        (contents,) = (await client.read_resource("note://all")).contents
        must("one more" in contents.text, "the resource has the notes")
        show(f"note://all: {contents.text.splitlines()}")
        (said,) = (await client.get_prompt("notes__review", {"topic": "cheese"})).messages
        must("cheese" in said.content.text, "the prompt has its argument")
        show(f"notes__review: {said.content.text}")
        forgotten = await client.call_tool("notes__forget_notes", {})
        must(forgotten.content[0].text == "0 kept", "the user's answer reached the MCP")


def verify_audit(rig: Rig) -> None:
    say("The server stops in order, and the chain of its audit log verifies")
    must(rig.stop() == 0, "the server exits with 0")
    show(rig.run("ambassador-server", "check", "--data-dir", str(rig.data_dir)).stdout)


def stay(rig: Rig, key: str) -> None:
    say("Still running. Put this into your AI application's MCP configuration; Ctrl-C ends it")
    entry = {"command": str(BIN / "ambassador-client"), "env": rig.client_environment(key)}
    print(json.dumps({"mcpServers": {"ambassador": entry}}, indent=2))
    print("\nAdminister it with:")
    for name, value in rig.admin_environment().items():
        print(f"  export {name}={value}")
    assert rig.process is not None
    try:
        rig.process.wait()
    except KeyboardInterrupt:
        print()


def tell(rig: Rig, notes_url: str, *, keep: bool) -> None:
    say("ambassador-server init: keys, certificates, database, the first admin key")
    facts: dict[str, Any] = rig.init()
    show(f"CA fingerprint {facts['ca_fingerprint']}")
    say("ambassador-server serve: TLS, one port for clients, another for administrators")
    rig.start()
    show(f"clients {rig.client_url}\nadministrators {rig.admin_url}")
    publish_mcps(rig, notes_url)
    key = provision(rig)
    asyncio.run(use_tools(rig, key))
    asyncio.run(use_own_credential(rig, key))
    if keep:
        stay(rig, key)
    else:
        verify_audit(rig)


def attempt(story: Callable[[], None], rig: Rig) -> int:
    try:
        story()
    except (DemoError, CommandError, MCPError, OSError) as error:
        say(f"This did not hold: {error}")
        if rig.log_file.exists():
            show(rig.log_file.read_text()[-4000:])
        return 1
    finally:
        rig.stop()
    say("Every step held.")
    return 0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make demo", description=__doc__)
    arguments.add_argument("--keep", action="store_true", help="stay up after the story")
    keep = arguments.parse_args().keep
    with tempfile.TemporaryDirectory(prefix="ambassador-demo-") as directory, notes_server() as notes_url:
        rig = Rig(Path(directory))
        return attempt(lambda: tell(rig, notes_url, keep=keep), rig)


if __name__ == "__main__":
    sys.exit(main())
