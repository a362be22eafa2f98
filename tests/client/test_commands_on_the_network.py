"""The commands for people: HTTP proxies, TLS, unreachable servers, and the output of tool results."""

import base64
import hashlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ambassador_client.cli.tool_result import FileSaver, show_result
from ambassador_client.errors import SettingsError
from ambassador_protocol.nesting import MAX_NESTING
from tests.client.certificates import FAR_AWAY, make_server_identity
from tests.client.fake_http_proxy import fake_proxy
from tests.client.fake_server import KEY, FakeServer, running_server
from tests.client.host import environment
from tests.client.test_cli import run

PASSWORD = "user:p4ss"


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[FakeServer]:
    context, _ = make_server_identity(tmp_path)
    async with running_server(context) as running:
        yield running


def unreachable(secure: FakeServer) -> str:
    """Return an address that only the proxy can resolve."""
    return secure.url.replace("127.0.0.1", "10.255.255.1")


async def test_commands_use_the_proxy_and_never_show_its_password(secure: FakeServer, state: Path):
    async with fake_proxy(secure.port, password=PASSWORD) as proxy:
        env = environment(
            unreachable(secure),
            state,
            HTTPS_PROXY=f"http://{PASSWORD}@127.0.0.1:{proxy.port}",
            MCP_AMBASSADOR_ALLOW_SELF_SIGNED="true",
        )
        code, output, errors = await run("whoami", "-o", "json", env=env)
        assert (code, json.loads(output)["user"], errors) == (0, "alice", "")
        code, output, _ = await run("doctor", "--json", env=env)
        found = {each["check"]: each for each in json.loads(output)}
        assert found["proxy"]["cause"].endswith(f"through http://127.0.0.1:{proxy.port}")
        assert found["session"]["status"] != "failed"
        assert "p4ss" not in output
        wrong = {**env, "HTTPS_PROXY": env["HTTPS_PROXY"].replace("p4ss", "secret")}
        code, output, errors = await run("whoami", env=wrong)
        assert (code, output) == (7, "")
        assert errors.startswith("AMB-5001 the HTTP proxy for ")
        assert "secret" not in errors
    assert set(proxy.wanted) == {f"CONNECT 10.255.255.1:{secure.port} HTTP/1.1"}


@pytest.mark.parametrize("lax", [False, True])
async def test_doctor_says_what_a_strict_check_finds_wrong_with_a_trusted_ca(
    tmp_path: Path, state: Path, lax: bool
):
    context, ca_file = make_server_identity(tmp_path, lax=lax)
    async with running_server(context) as server:
        env = environment(server.url, state, MCP_AMBASSADOR_CA_FILE=str(ca_file))
        _, output, _ = await run("doctor", "--json", env=env)
    found = {each["check"]: each for each in json.loads(output)}
    assert found["certificate"]["status"] == ("warning" if lax else "ok")
    assert ("key usage" in found["certificate"]["cause"]) is lax
    assert found["server"]["status"] != "skipped"


async def test_an_unreachable_proxy_is_named_in_the_error(secure: FakeServer, state: Path):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        proxy = f"127.0.0.1:{gone.getsockname()[1]}"
    env = environment(
        unreachable(secure),
        state,
        HTTPS_PROXY=f"http://{PASSWORD}@{proxy}",
        MCP_AMBASSADOR_ALLOW_SELF_SIGNED="true",
    )
    told = f"cannot reach the proxy http://{proxy} : connection refused"
    assert await run("whoami", env=env) == (
        7,
        "",
        f"AMB-5001 {told}. Check HTTPS_PROXY and the network.\n",
    )
    code, output, _ = await run("doctor", "--json", env=env)
    found = {each["check"]: each for each in json.loads(output)}
    assert (code, found["connection"]["cause"]) == (7, told)
    env["HTTPS_PROXY"] = "http://nowhere.invalid:1"
    code, output, _ = await run("doctor", "--json", env=env)
    found = {each["check"]: each for each in json.loads(output)}
    assert (code, found["address"]["fix"]) == (7, "Check HTTPS_PROXY and the network.")


async def test_an_unreachable_server_at_login_suggests_a_command_without_account(
    secure: FakeServer, state: Path
):
    env = environment("unused", state, KEY=KEY)
    del env["MCP_AMBASSADOR_URL"], env["MCP_AMBASSADOR_PRESHARED_KEY"]
    login = ["login", "--key-from", "env://KEY"]
    plain = f"http://127.0.0.1:{secure.port}"
    code, _, errors = await run(*login, plain, env=env)
    assert (code, errors[:9]) == (7, "AMB-5001 ")
    assert errors.endswith(" Is it https://, and is the port right?\n")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    code, _, errors = await run(*login, url, env=env)
    told, _, command = errors.strip().rpartition("Run: ambassador-client ")
    assert (code, told.endswith("connection refused. Is the server running? ")) == (7, True)
    code, output, _ = await run(*command.split(), "--json", env=env)
    assert {each["check"]: each["status"] for each in json.loads(output)}["connection"] == "failed"


async def test_login_by_fingerprint_goes_through_the_proxy(secure: FakeServer, state: Path, tmp_path: Path):
    leaf = ssl.PEM_cert_to_DER_cert(
        (tmp_path / "server-0.pem").read_text().partition("-----END PRIVATE KEY-----\n")[2]
    )
    pin = hashlib.sha256(leaf).hexdigest()
    async with fake_proxy(secure.port, password=PASSWORD) as proxy:
        env = environment(
            "unused",
            state,
            HTTPS_PROXY=f"http://{PASSWORD}@127.0.0.1:{proxy.port}",
            PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring",
            KEY=KEY,
        )
        del env["MCP_AMBASSADOR_URL"], env["MCP_AMBASSADOR_PRESHARED_KEY"]
        login = ["login", f"{FAR_AWAY}:{secure.port}", "--key-from", "env://KEY", "--fingerprint"]
        code, output, errors = await run(*login, "0" * 64, env=env)
        assert (code, output, errors[:9]) == (7, "", "AMB-5002 ")
        assert secure.registrations == []
        code, output, errors = await run(*login, pin, "-o", "json", env=env)
        assert (code, errors) == (0, "")
        assert json.loads(output)["user"] == "alice"
        code, output, errors = await run("whoami", "-o", "json", env=env)
        assert (code, errors) == (0, "")
        assert json.loads(output)["user"] == "alice"
        given = {
            **env,
            "MCP_AMBASSADOR_URL": f"https://{FAR_AWAY}:{secure.port}",
            "MCP_AMBASSADOR_PRESHARED_KEY": KEY,
            "MCP_AMBASSADOR_FINGERPRINT": pin,
        }
        code, output, errors = await run("status", env=given)
        assert (code, errors) == (0, ""), output
    assert set(proxy.wanted) == {f"CONNECT {FAR_AWAY}:{secure.port} HTTP/1.1"}
    assert "p4ss" not in output + errors


async def test_an_untrusted_ca_is_reported_before_the_key_is_sent(
    secure: FakeServer, state: Path, tmp_path: Path
):
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = make_server_identity(other)
    env = environment(secure.url, state)
    for words in (["status"], ["whoami"], ["tools", "list"], ["call", "echo"], ["catalog", "list"]):
        code, _, errors = await run(*words, "--ca-file", str(foreign), env=env)
        assert (code, errors[:9]) == (7, "AMB-5002 "), words
        assert errors.count("\n") == 1
    assert secure.registrations == []


async def test_an_event_stream_answer_is_read_to_the_result(server: FakeServer, state: Path):
    server.tools = [
        {"name": name, "inputSchema": {"type": "object"}}
        for name in ("progress", "cut", "drop", "raw", "echo")
    ]
    env = environment(server.url, state)
    assert await run("call", "progress", env=env) == (0, "done\n", "")
    code, output, errors = await run("call", "cut", env=env)
    assert (code, output) == (7, "")
    assert "the call may have run" in errors
    code, output, errors = await run("call", "drop", env=env)
    assert (code, output) == (7, "")
    assert "the call may have run" in errors
    gateway = json.dumps({"status": 504, "body": "", "type": "text/plain"})
    code, _, errors = await run("call", "raw", "--json", gateway, env=env)
    assert code == 7
    assert "the call may have run" in errors
    server.use_events = True
    code, output, _ = await run("call", "echo", "a=1", env=env)
    assert (code, json.loads(output)) == (0, {"a": "1"})


@pytest.mark.parametrize("depth", [MAX_NESTING, 5000, 200_000])
async def test_what_is_nested_too_deep_is_an_error_in_one_line(server: FakeServer, state: Path, depth: int):
    value = "[" * depth + "]" * depth

    async def answer(_: FakeServer, message: Any, __: web.Request) -> web.Response:
        text = f'{{"jsonrpc":"2.0","id":{json.dumps(message["id"])},"result":{{"content":{value}}}}}'
        return web.Response(text=text, content_type="application/json")

    env = environment(server.url, state)
    arguments = f'{{"a":{value}}}'
    if depth < 60_000:  # a longer word is refused by the system
        code, output, errors = await run("call", "echo", "--json", arguments, env=env)
        assert (code, output, errors.count("\n")) == (2, "", 1)
        assert "--json is nested deeper than 500 levels" in errors
    server.methods["tools/call"] = answer
    code, output, errors = await run("call", "echo", env=env)
    assert (code != 0, output, errors.count("\n")) == (True, "", 1)
    assert "nested deeper than 500 levels" in errors
    for words in (["tools", "list"], ["catalog", "list"]):
        server.methods["tools/list"] = answer
        assert "Traceback" not in (await run(*words, env=env))[2]


async def test_what_is_nested_as_deep_as_allowed_is_shown(server: FakeServer, state: Path):
    value = "[" * (MAX_NESTING - 4) + "]" * (MAX_NESTING - 4)

    async def answer(_: FakeServer, message: Any, __: web.Request) -> web.Response:
        text = (
            f'{{"jsonrpc":"2.0","id":{json.dumps(message["id"])},"result":{{"structuredContent":{value}}}}}'
        )
        return web.Response(text=text, content_type="application/json")

    server.methods["tools/call"] = answer
    for words in ([], ["-o", "json"]):
        code, output, errors = await run("call", "echo", *words, env=environment(server.url, state))
        assert (code, errors) == (0, "")
        assert value in "".join(output.split())


@pytest.mark.parametrize("body", ["", "[]", "null", '{"tools": 1}', "<html>"])
async def test_a_server_of_another_kind_is_reported(server: FakeServer, state: Path, body: str):
    server.refusals = [(201, body.encode(), {})]
    code, _, errors = await run("status", env=environment(server.url, state))
    assert (code, errors[:9]) == (1, "AMB-5005 ")


def image(data: bytes, media_type: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "data": base64.b64encode(data).decode(), "mimeType": media_type}


def test_data_is_saved_without_overwriting_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "tool-1.png").write_bytes(b"old")
    blocks = [
        image(b"new"),
        {"type": "text", "text": "see"},
        image(b"x", "no/such"),
        image(b"y", "../../etc"),
    ]
    show_result({"content": blocks}, FileSaver(tmp_path, "../tool"))
    output, errors = capsys.readouterr()
    assert output == "see\n"
    assert (tmp_path / "tool-1.png").read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} >= {"tool-1.png"}
    kept = {path.read_bytes() for path in tmp_path.iterdir()}
    assert kept == {b"old", b"new", b"x", b"y"}
    assert errors.count("saved as") == 3
    assert all(path.parent == tmp_path for path in tmp_path.rglob("*"))


def test_data_without_a_directory_is_reported(capsys: pytest.CaptureFixture[str]):
    resource = {"type": "resource", "resource": {"uri": "a://b", "blob": "AAAA", "mimeType": "x/y"}}
    text = {"type": "resource", "resource": {"uri": "a://b", "text": "inside"}}
    link = {"type": "resource_link", "uri": "a://c"}
    damaged = {"type": "audio", "data": "!", "mimeType": "a/b"}
    show_result({"content": [resource, text, link, damaged, 5]}, FileSaver(None, "t"))
    output, errors = capsys.readouterr()
    assert output == "inside\na://c\n"
    assert errors == "resource (x/y, 3 bytes): not saved; use --save DIR\naudio: damaged\n"
    show_result({"structuredContent": {"a": 1}}, FileSaver(None, "t"))
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_the_number_of_saved_files_is_limited(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    show_result({"content": [image(b"x")] * 150}, FileSaver(tmp_path, "t"))
    assert len(list(tmp_path.iterdir())) == 100
    assert capsys.readouterr().err.count("not saved, after 100 files") == 50


def test_an_unwritable_directory_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot write into"):
        FileSaver(tmp_path / "file", "t").save(b"", "image/png")
