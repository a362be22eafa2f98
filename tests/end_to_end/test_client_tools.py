"""Tools and the catalog from a shell, against a real server and a real downstream."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import Downstream, World, until
from tests.patience import PATIENCE
from tests.rig import BIN


@pytest.fixture
def client(world: World, tmp_path: Path) -> Client:
    client = Client(world, tmp_path)
    client.login(world.person())
    return client


def test_tools_are_listed_shown_and_found(client: Client) -> None:
    names = [each["tool"] for each in client.json("tools", "list")]
    assert "tools__echo" in names
    assert "TOOL" in client.run("tools", "list").stdout
    classes = {each["class"] for each in client.json("tools", "list")}
    assert classes <= {"read-only", "write", "destructive"}
    found = [each["tool"] for each in client.json("tools", "search", "ECHO")]
    assert "tools__echo" in found
    assert len(found) < len(names)
    assert client.json("tools", "show", "tools.echo")["name"] == "tools__echo"
    assert "tools__echo" in client.run("tools", "show", "tools:echo").stdout
    missing = client.run("tools", "show", "tools__ehco", expect=5)
    assert "Did you mean tools__echo" in missing.stderr
    assert "Did you mean tools__echo" in client.run("tools", "show", "ehco", expect=5).stderr
    assert client.json("tools", "search", "no such word") == []
    assert client.run("tools", "show", "tools.echo", "-o", "name").stdout == "tools__echo\n"


@pytest.mark.parametrize(
    "words",
    [
        ["catalog", "show", "toosl"],
        ["select", "toosl", "echo"],
        ["subscribe", "toosl"],
        ["unsubscribe", "toosl"],
    ],
)
def test_misspelt_mcp_has_near_matches(client: Client, words: list[str]) -> None:
    refused = client.run(*words, expect=5)
    assert refused.stderr == "AMB-1002 no MCP 'toosl' is granted to you. Did you mean tools?\n"


def test_misspelt_account_has_near_matches(client: Client) -> None:
    (account,) = client.json("accounts")
    name = str(account["account"] if "account" in account else account["name"])
    refused = client.run("whoami", "--account", name[:-1], expect=2)
    assert f"Did you mean {name}?" in refused.stderr


def test_call_gives_the_text_or_the_whole_result(client: Client) -> None:
    assert client.run("call", "tools__echo", "text=hello").stdout == "hello\n"
    whole = client.json("call", "tools__echo", "--json", '{"text": "Zo\\u00eb"}')
    assert whole["content"] == [{"type": "text", "text": "Zo\u00eb"}]
    assert client.run("call", "tools.echo", "--json", "-", stdin='{"text": "piped"}').stdout == "piped\n"
    assert client.run("call", "tools__nothing", expect=5).stdout == ""
    beyond = client.run("call", "tools__echo", "--json", '{"text": NaN}', expect=2)
    assert beyond.stderr.startswith("AMB-1001 --json is not JSON.")
    assert "is not an argument" in client.run("call", "tools__echo", "text", expect=2).stderr
    assert "not a JSON object" in client.run("call", "tools__echo", "--json", "[]", expect=2).stderr


@pytest.mark.parametrize("name", ["tools__ehco", "tools.w\u00f6rd", "nothing at all"])
def test_call_of_an_unknown_tool_is_refused_and_recorded_by_the_server(
    client: Client, world: World, name: str
) -> None:
    refused = client.run("call", name, "text=a", expect=5)

    assert f"there is no tool {name!r} that you may call" in refused.stderr
    newest = world.events(action="call:tool:deny")[0]
    assert (newest["reason"], newest["resource"]["name"]) == ("unknown_tool", name)


def test_call_that_fails_says_so_with_its_code(client: Client, world: World) -> None:
    failing = [each["tool"] for each in client.json("tools", "list") if each["tool"].endswith("__fail")]
    if failing:
        assert client.run("call", failing[0], expect=1).stderr.startswith("AMB-")
    switch = world.ask("POST", "kill-switches", {"scope": "mcp", "target": "tools", "reason": "maintenance"})
    stopped = client.run("call", "tools.echo", "text=no", expect=4)
    assert stopped.stdout == ""
    assert "maintenance" in stopped.stderr
    assert stopped.stderr.endswith("The reason is kill_switch. Run: ambassador-client catalog show tools\n")
    world.ask("POST", f"kill-switches/{switch['id']}/lift")


def test_selection_from_the_catalog_never_adds_to_the_grants(client: Client, world: World) -> None:
    (mcp,) = client.json("catalog", "list")
    assert (mcp["name"], mcp["subscribed"]) == ("tools", False)
    assert "tools" in client.run("catalog", "list").stdout
    chosen = client.json("select", "tools", "echo")
    assert chosen["selected"] == ["tools.echo"]
    assert [each["tool"] for each in client.json("tools", "list")] == ["tools__echo"]
    mistaken = client.run("select", "tools", "echo", "parans", expect=1)
    assert "'parans' matches no tool of MCP 'tools' today" in mistaken.stderr
    assert "params" in mistaken.stderr
    assert "--allow-unmatched" in mistaken.stderr
    assert client.json("catalog", "show", "tools")["selected"] == ["tools.echo"]
    early = client.run("select", "tools", "echo", "upcoming", "--allow-unmatched")
    assert early.stderr.startswith("warning: 'upcoming' matches no tool of MCP 'tools'")
    client.run("select", "tools", "echo", "upcoming")  # what is selected already stays
    shown = client.run("catalog", "show", "tools").stdout
    assert "not_selected" in shown
    assert "\n\nTOOL " in shown
    client.run("unsubscribe", "tools")
    again = client.run("unsubscribe", "tools", expect=5)
    assert again.stderr.endswith(" has no subscription to 'tools'. There is nothing to remove.\n")
    assert len(client.json("tools", "list")) > 1
    assert client.json("subscribe", "tools", "--tool", "e*", "--tool", "params")["selected"] == [
        "tools.e*",
        "tools.params",
    ]
    for words in (["catalog", "show", "nothing"], ["subscribe", "nothing"], ["unsubscribe", ".."]):
        refused = client.run(*words, expect=5).stderr
        assert refused.startswith("AMB-1002 ")
        assert refused.endswith(" Run: ambassador-client catalog list\n")
    assert client.run("subscribe", "tools", "--tool", "a b", expect=1).stderr.startswith("AMB-1001 ")


def test_data_is_written_to_new_files(client: Client, world: World) -> None:
    kept = client.home / "kept"
    for _ in range(2):
        client.run("call", "tools__echo", "text=x", "--save", str(kept))
    assert not kept.exists()


def test_closed_pipes_and_narrow_terminals_are_supported(client: Client) -> None:
    command = f"{BIN / 'ambassador-client'} tools list | true"
    done = subprocess.run(
        ["sh", "-c", command],
        env=client.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stderr == ""
    assert client.run("tools", "list", COLUMNS="20").stdout


def test_ctrl_c_ends_a_call_at_once(client: Client, tools: Downstream) -> None:
    before = tools.count()
    process = subprocess.Popen(
        [str(BIN / "ambassador-client"), "call", "tools__hold", "--json", '{"count": 99}'],
        env=client.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: tools.count() > before, "the call is on its way")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_all_arguments_come_from_a_file(client: Client, tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "arguments.json"
    file.write_text('{"text": "Zo\u00eb"}', encoding=encoding)
    assert client.run("call", "tools.echo", "--json", f"@{file}").stdout == "Zo\u00eb\n"
    missing = client.run("call", "tools.echo", "--json", f"@{tmp_path}/none", expect=2)
    assert "the file of --json cannot be read" in missing.stderr


def test_json_output_of_a_call_is_json(client: Client) -> None:
    assert json.loads(client.run("call", "tools__params", "-o", "json").stdout)["content"]


def test_values_come_from_files_and_from_standard_input(client: Client) -> None:
    (client.home / "note.txt").write_text("from a file")
    assert client.run("call", "tools__echo", f"text=@{client.home / 'note.txt'}").stdout == "from a file\n"
    assert client.run("call", "tools__echo", "text=@-", stdin="piped\n").stdout == "piped\n"
    assert client.run("call", "tools__echo", "text=@@home").stdout == "@home\n"
    twice = client.run("call", "tools__echo", "--json", "-", "text=@-", stdin="{}", expect=2)
    assert "both --json and text read standard input" in twice.stderr
    missing = client.run("call", "tools__echo", "text=@/no/such/file", expect=2)
    assert "the file of text cannot be read" in missing.stderr
    assert "text=@@..." in missing.stderr


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (["text=@-"], b"\xff\xfe\xff", "standard input is not UTF-8 text"),
        (["--json", "-"], b'{"text": "\xff"}', "standard input is not UTF-8 text: byte 11 is 0xff"),
        ([b"text=a\xff"], b"", "on the command line is not UTF-8 text"),
        ([b"--json", b'{"text": "\xff"}'], b"", "on the command line is not UTF-8 text"),
        (["--json", '{"text": "\\ud800"}'], b"", "not UTF-8 text"),
    ],
)
def test_bytes_that_are_no_text_are_refused_in_one_line(
    client: Client, tools: Downstream, words: list[str | bytes], given: bytes, told: str
) -> None:
    before = tools.count()
    done = subprocess.run(
        [str(BIN / "ambassador-client"), "call", "tools__echo", *words],
        env={**client.environment, "PYTHONUTF8": "1"},
        input=given,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert told in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert tools.count() == before


def test_argument_that_the_tool_does_not_declare_is_refused_with_near_names(
    client: Client, tools: Downstream
) -> None:
    before = tools.count()
    refused = client.run("call", "tools__echo", "tex=a", expect=2).stderr
    assert "the tool takes no argument 'tex'. Did you mean text? It takes: text." in refused
    assert tools.count() == before
    client.run("call", "tools__echo", "text=a", "tex=b", "--allow-unknown")
    assert tools.calls()[-1]["arguments"] == {"text": "a", "tex": "b"}
    client.run("call", "tools__params", "a.b=1")
    assert tools.calls()[-1]["arguments"] == {"a": {"b": "1"}}


def test_allowed_values_and_defaults_are_shown(client: Client) -> None:
    shown = client.run("tools", "show", "tools__media").stdout
    assert "VALUES" in shown
    assert "png, jpeg" in shown
