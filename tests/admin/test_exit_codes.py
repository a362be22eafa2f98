"""Every kind of failure has its exit code, error code and hint, and prints no traceback."""

import json
import os
import socket
from pathlib import Path

import pytest

from ambassador_admin.api import users
from tests.admin.certificates import make_authority
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import AUDITOR_KEY
from tests.admin.shell import Shell
from tests.patience import PATIENCE


@pytest.mark.parametrize("words", [["user", "list"], ["server", "health"], ["server", "version"]])
def test_no_server_is_exit_7_with_the_address(home: Shell, words: list[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = home.at(url).run(*words)
    assert (done.code, done.out) == (7, "")
    assert done.err.startswith(f"error: AMB-5001 No connection to {url}: connection refused.\n")
    assert "hint: " in done.err


@pytest.mark.parametrize("words", [["server", "health"], ["server", "version"], ["server", "config"]])
def test_a_closed_output_is_no_failure(shell: Shell, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = shell.start(*words, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("words", [["server", "health"], ["server", "version"], ["server", "config"]])
def test_without_a_server_a_pipe_gets_nothing_and_the_exit_code_is_7(home: Shell, words: list[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        process = home.at(url).start(*words, "-o", "json")
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (7, "")
    assert f"AMB-5001 No connection to {url}: " in err


def test_unknown_host_is_exit_7(home: Shell) -> None:
    done = home.at("https://no-such-host.invalid").run("user", "list")
    assert done.code == 7
    assert "AMB-5001 No connection to https://no-such-host.invalid:9443: " in done.err


def test_server_that_closes_the_connection_is_exit_7(home: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = home.at(url).start("user", "list")
        listener.settimeout(PATIENCE)
        listener.accept()[0].close()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 7
    assert "AMB-5001" in err


def test_wrong_ca_is_exit_7_with_a_code_of_its_own(home: Shell, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    (ours / "ca.pem").write_text(make_authority(ours).ca_pem)
    with FakeApi().serving(make_authority(theirs).context) as api:
        done = home.at(api.url).run("user", "list", "--ca", str(ours / "ca.pem"))
        assert api.requests == []
    assert done.code == 7
    assert done.err.startswith(f"error: AMB-5002 The certificate of {api.url} is not trusted: ")
    assert f"hint: ambassador-admin login {api.url} --fingerprint SHA256\n" in done.err


def test_certificate_for_another_host_is_exit_7(home: Shell, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    (tmp_path / "ca.pem").write_text(authority.ca_pem)
    with FakeApi().serving(authority.context) as api:
        shell = home.at(f"https://127.0.0.1:{api.port}")
        done = shell.run("user", "list", "--ca", str(tmp_path / "ca.pem"))
    assert (done.code, "AMB-5002" in done.err) == (7, True)


def test_plain_text_server_asked_for_tls_is_exit_7(home: Shell, api: FakeApi) -> None:
    done = home.at(f"https://localhost:{api.port}").run("user", "list")
    assert (done.code, "AMB-5001" in done.err) == (7, True)


def test_tls_without_tls_names_the_other_scheme(home: Shell, api: FakeApi) -> None:
    done = home.at(f"https://localhost:{api.port}").run("user", "list")
    assert done.err == (
        f"error: AMB-5001 No connection to https://localhost:{api.port}: the port does not speak TLS.\n"
        f"hint: a server with `tls: off` has the address http://localhost:{api.port}\n"
    )


def test_no_tls_at_a_tls_port_names_the_other_scheme(home: Shell, tmp_path: Path) -> None:
    with FakeApi().serving(make_authority(tmp_path).context) as api:
        done = home.at(f"http://localhost:{api.port}").run("user", "list")
    assert done.code == 7
    assert f"hint: the port may expect TLS: --server https://localhost:{api.port}\n" in done.err


@pytest.mark.parametrize(
    ("port", "hint"),
    [
        (None, "the admin API has a port of its own, by default 9443: --server http://127.0.0.1:9443"),
        (9443, "an older server may lack it: ambassador-admin status shows both versions"),
    ],
)
def test_port_without_the_admin_api_names_the_right_one(
    home: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch, port: int | None, hint: str
) -> None:
    problem = {"code": "AMB-1002", "detail": "Not Found: GET /v1/admin/users", "request_id": "r-1"}
    api.broken_answers["GET", "/v1/admin/users"] = (404, json.dumps(problem))
    if port is not None:
        monkeypatch.setattr("ambassador_admin.api.client.DEFAULT_ADMIN_PORT", api.port)
    done = home.at(api.url.replace("localhost", "127.0.0.1")).run("user", "list")
    assert done.code == 1
    url = api.url.replace("localhost", "127.0.0.1")
    assert done.err == f"error: AMB-5005 {url} does not serve /v1/admin/users.\nhint: {hint}\n"


def test_no_key_is_exit_3(home: Shell, api: FakeApi) -> None:
    done = home.run("user", "list", "--server", api.url)
    assert done.code == 3
    assert done.err == (
        f"error: AMB-5004 There is no admin key for {api.url}.\nhint: ambassador-admin login {api.url}\n"
    )
    assert api.requests == []


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        *[(verb, ["--action", "call:tool:dney"]) for verb in ("query", "stats", "tail", "export")],
        ("query", ["--outcome", "deneid"]),
    ],
)
def test_misspelt_choice_is_reported_before_the_missing_key(
    home: Shell, api: FakeApi, verb: str, options: list[str]
) -> None:
    done = home.run("audit", verb, *options, "--server", api.url)
    assert done.code == 2
    assert done.err.startswith(
        f"error: AMB-1001 {options[0]}: {options[1]!r} is unknown.\nhint: did you mean "
    )
    assert "call:tool:deny" in done.err or "denied" in done.err
    assert api.requests == []


def test_unknown_action_without_a_similar_one_lists_all_actions(home: Shell, api: FakeApi) -> None:
    done = home.run("audit", "query", "--action", "zzzzzzzz", "--server", api.url)
    assert done.code == 2
    assert "hint: allowed are call:tool:attempt, " in done.err


def test_glob_of_actions_is_left_to_the_server(home: Shell, api: FakeApi) -> None:
    assert home.run("audit", "query", "--action", "call:*", "--server", api.url).code == 3


def test_bad_key_is_exit_3(home: Shell, api: FakeApi) -> None:
    done = home.at(api.url, "amb_ak_" + "x" * 48).run("user", "list")
    assert done.code == 3
    assert done.err == (
        "error: AMB-2002 A valid admin key is required\n"
        f"hint: ambassador-admin login {api.url}\nrequest: request-0001\n"
    )


def test_missing_right_is_exit_4(home: Shell, api: FakeApi) -> None:
    done = home.at(api.url, AUDITOR_KEY).run("user", "create", "dave")
    assert done.code == 4
    assert done.err.startswith("error: AMB-3002 This admin key lacks the right 'provision'\n")
    assert "hint: ambassador-admin whoami" in done.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["user", "show", "nobody"], "ambassador-admin user list"),
        (
            ["group", "add-member", "nothing", "alice"],
            "ambassador-admin group list, ambassador-admin user list",
        ),
        (["mcp", "tools", "nothing"], "ambassador-admin mcp list"),
        (["grant", "add", "nothing", "git"], "ambassador-admin group list, ambassador-admin mcp list"),
        (["grant", "remove", "nothing", "--yes"], "ambassador-admin grant list"),
        (["key", "issue", "nobody", "--name", "x"], "ambassador-admin user list"),
        (["key", "revoke", "nothing", "--yes"], "ambassador-admin key list"),
        (["kill", "user", "nobody", "--reason", "x"], "ambassador-admin user list"),
        (["kill", "lift", "nothing"], "ambassador-admin kill list --all"),
    ],
)
def test_unknown_name_is_exit_5_with_a_command_that_lists_names(
    shell: Shell, words: list[str], hint: str
) -> None:
    done = shell.run(*words)
    assert done.code == 5
    assert done.out == ""
    assert done.err.startswith("error: AMB-1002 No ")
    assert f"\nhint: {hint}\nrequest: request-0001\n" in done.err


def test_unknown_context_is_exit_5(shell: Shell) -> None:
    done = shell.run("user", "list", "--context", "nowhere")
    assert (done.code, done.err.splitlines()[1]) == (5, "hint: ambassador-admin context list")


def test_duplicate_is_exit_6(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    done = shell.run("user", "create", "alice")
    assert done.code == 6
    assert "\nhint: ambassador-admin user show alice\n" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["user"],
        ["user", "nonsense"],
        ["user", "show"],
        ["user", "show", ""],
        ["user", "show", ".."],
        ["user", "list", "--nonsense"],
        ["user", "list", "-o", "xml"],
        ["user", "list", "--fields", "nonsense"],
        ["user", "list", "--fields", ","],
        ["user", "list", "surplus"],
        ["key", "issue", "alice"],
        ["key", "issue", "alice", "--name", "x", "--for", "soon"],
        ["key", "issue", "alice", "--name", "x", "--for", "0s"],
        ["kill", "user", "alice"],
        ["mcp", "add", "x"],
        ["mcp", "add", "x", "--url", "http://x", "--", "x"],
        ["mcp", "add", "x", "--url", "http://x", "--env", "A=b"],
        ["mcp", "add", "x", "--header", "A=b", "--", "x"],
        ["mcp", "add", "x", "--env", "A", "--", "x"],
        ["mcp", "add", "x", "--env", "A=1", "--env", "A=2", "--", "x"],
        ["mcp", "add", "x", "--arguments", "some", "--", "x"],
        ["audit", "query", "--since", "yesterday"],
        ["audit", "query", "--limit", "0"],
        ["audit", "tail", "-f", "-o", "json"],
        ["user", "create", "\udcff"],
    ],
)
def test_invalid_command_line_is_exit_2_and_nothing_is_sent(
    shell: Shell, api: FakeApi, words: list[str]
) -> None:
    done = shell.run(*words)
    assert done.code == 2, done.err
    assert done.out == ""
    assert done.err.startswith("error: AMB-1001 ")
    assert api.changes == []


def test_values_that_the_server_refuses_are_exit_2(shell: Shell) -> None:
    done = shell.run("mcp", "add", "wiki", "--transport", "carrier-pigeon", "--url", "https://wiki/mcp")
    assert done.code == 2
    assert done.err == "error: AMB-1001 There is no transport 'carrier-pigeon'\nrequest: request-0001\n"


def test_command_options_of_an_mcp_without_dashes_get_a_hint(shell: Shell) -> None:
    done = shell.run("mcp", "add", "time", "mcp-server-time", "--local-timezone", "UTC")
    assert done.code == 2
    assert "put the options of the MCP's command behind --" in done.err


@pytest.mark.parametrize(
    ("status", "code", "hint"), [(429, 7, "try again later"), (503, 7, "try again later"), (500, 1, None)]
)
def test_server_error_is_reported_with_its_exit_code(
    shell: Shell, api: FakeApi, status: int, code: int, hint: str | None
) -> None:
    problem = {"code": "AMB-1010", "detail": "Too much to do", "request_id": "r-1"}
    api.broken_answers["GET", "/v1/admin/users"] = (status, json.dumps(problem))
    done = shell.run("user", "list")
    assert (done.code, done.err.splitlines()[0]) == (code, "error: AMB-1010 Too much to do")
    expected = (
        "hint: try again in 7 seconds" if status == 429 else f"hint: {hint}" if hint else "request: r-1"
    )
    assert done.err.splitlines()[1] == expected


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", '{"items": 1}', '{"items": [1]}', '{"items": [], "next_cursor": 1}']
)
def test_answer_of_another_program_is_reported(shell: Shell, api: FakeApi, body: str) -> None:
    api.broken_answers["GET", "/v1/admin/users"] = (200, body)
    done = shell.run("user", "list")
    assert (done.code, done.err[:15]) == (1, "error: AMB-5005")


@pytest.mark.parametrize(("status", "body"), [(302, ""), (404, "<html>"), (404, '{"detail": "no"}')])
def test_error_without_a_problem_document_is_reported(
    shell: Shell, api: FakeApi, status: int, body: str
) -> None:
    api.broken_answers["GET", "/v1/admin/users"] = (status, body)
    done = shell.run("user", "list")
    assert (done.code, done.err[:15]) == (1, "error: AMB-5005")


def test_error_of_a_gateway_is_exit_7(shell: Shell, api: FakeApi) -> None:
    api.broken_answers["GET", "/v1/admin/users"] = (502, "<html>Bad gateway</html>")
    done = shell.run("user", "list")
    assert done.code == 7
    assert done.err.startswith(f"error: AMB-5001 No connection to {api.url}: HTTP status 502.\n")


def test_list_with_a_repeated_cursor_is_an_error(shell: Shell, api: FakeApi) -> None:
    page = {"items": [{"name": "alice"}], "next_cursor": "alice"}
    api.broken_answers["GET", "/v1/admin/users"] = (200, json.dumps(page))
    assert shell.run("user", "list").code == 1


def test_defect_of_the_program_is_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "list_all", lambda: 1 / 0)
    done = shell.run("user", "list")
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert done.err.startswith("error: AMB-1000 ")


def test_server_health_is_exit_7_when_the_server_is_not_ready(home: Shell, api: FakeApi) -> None:
    assert home.run("server", "health", "--server", api.url).code == 0
    api.is_ready = False
    done = home.run("server", "health", "--server", api.url, "-o", "json")
    assert done.code == 7
    assert json.loads(done.out)["checks"] == {"database": False, "audit_log": True}
    assert "AMB-1008" in done.err


@pytest.mark.parametrize("words", [["user", "list"], ["audit", "query"]])
def test_broken_pipe_prints_no_error(shell: Shell, api: FakeApi, words: list[str]) -> None:
    for number in range(3000):
        api.add_event("call:tool:outcome", "succeeded")
        api.add_user(f"user-{number:05}")
    process = shell.start(*words, *(["--limit", "3000"] if words[0] == "audit" else []), "-o", "jsonl")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=PATIENCE) == 0
    process.stderr.close()
