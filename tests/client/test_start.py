"""The start of the client: imports, command lines and local answers."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from mcp_types import DiscoverResult, InitializeResult

from ambassador_client.proxy import local_responses
from ambassador_client.proxy.message import Message
from ambassador_protocol import __version__
from tests.client.fake_server import FakeServer
from tests.client.host import MODERN, environment, host
from tests.patience import PATIENCE

FORBIDDEN = (
    "httpx",
    "typer",
    "rich",
    "pydantic",
    "keyring",
    "mcp",
    "sqlalchemy",
    "aiohttp",
    "anyio",
    "cryptography",
    "email",
    "http",
    "argparse",
    "ambassador_server",
    "ambassador_admin",
)
_RUN = """
import json, os, sys
from ambassador_client.__main__ import main
leave, os._exit = os._exit, lambda code: sys.exit(code)
sys.argv = ["ambassador-client", "proxy"]
try:
    main()
finally:
    os.write(2, json.dumps([name.partition(".")[0] for name in sys.modules]).encode() + b"\\n")
"""


async def test_the_proxy_imports_the_standard_library_and_h11_alone(server: FakeServer, state: Path):
    """The modules after handshake, registration, a call and the exit."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _RUN,
        env=environment(server.url, state),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    assert b"echo" in output
    loaded = set(json.loads(errors.splitlines()[0]))
    assert {"h11", "asyncio", "ambassador_client"} <= loaded
    assert loaded & set(FORBIDDEN) == set()
    assert len(server.disconnected) == 1


async def test_account_is_found_without_a_keyring(server: FakeServer, state: Path):
    """The key is in a file, or is not needed because a session is cached."""
    directory = state / "config/mcp-ambassador/client"
    directory.mkdir(parents=True)
    account = {"server": server.url, "user": "alice", "key_id": "k"}
    (directory / "accounts.json").write_text(json.dumps({"default": "a", "accounts": {"a": account}}))
    secret = directory / "a.secret"
    secret.write_text(server.key)
    secret.chmod(0o600)
    env = environment("", state, XDG_CONFIG_HOME=str(state / "config"), MCP_AMBASSADOR_PRESHARED_KEY="")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _RUN,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    assert b"echo" in output, errors
    assert set(json.loads(errors.splitlines()[0])) & set(FORBIDDEN) == set()
    async with host(env) as proxy:
        assert "result" in await proxy.call("echo")
        proxy.process.kill()
        await proxy.exit_code()
    secret.write_text("amb_pk_not_this_one")
    async with host(env) as proxy:
        assert "result" in await proxy.call("echo")
    assert len(server.registrations) == 2


@pytest.mark.parametrize("asked", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "nonsense"])
def test_initialize_response_is_valid_for_the_sdk(asked: str):
    message = Message.parse(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize"}).encode())
    result = json.loads(
        local_responses.initialize_response(
            message, local_responses.negotiate_version({"protocolVersion": asked})
        )
    )["result"]
    assert InitializeResult.model_validate(result).protocol_version in (asked, "2025-11-25")


def test_discover_response_is_valid_for_the_sdk():
    message = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": MODERN}}
    result = json.loads(local_responses.discover_response(Message.parse(json.dumps(message).encode())))[
        "result"
    ]
    parsed = DiscoverResult.model_validate(result)
    assert parsed.supported_versions == ["2026-07-28"]
    assert parsed.model_dump(by_alias=True, mode="json", exclude_none=True) == result


def run(
    *arguments: str, env: dict[str, str], stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ambassador_client", *arguments],
        env=env,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_version_is_printed_without_libraries(state: Path):
    env = environment("", state)
    code = "import sys; sys.argv = ['x', '--version']; from ambassador_client.__main__ import main; main();"
    code += "print(sorted(m for m in sys.modules if m in ('typer', 'asyncio', 'json', 'ssl')))"
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert ended.stdout == f"ambassador-client {__version__}\n[]\n"


@pytest.mark.parametrize(
    "arguments", [[], ["proxy"], ["--heartbeat-interval", "30"], ["proxy", "--cache-ttl", "5"]]
)
async def test_all_command_lines_that_start_the_proxy(server: FakeServer, state: Path, arguments: list[str]):
    async with host(environment(server.url, state), arguments) as proxy:
        assert "result" in await proxy.call("echo")
        assert await proxy.leave() == 0


async def test_the_originals_configuration_file_works(server: FakeServer, state: Path):
    config = state / "config.json"
    config.write_text(
        json.dumps({"server_url": server.url, "preshared_key": server.key, "friendly_name": "by file"})
    )
    env = environment("", state, MCP_AMBASSADOR_PRESHARED_KEY="")
    async with host(env, ["--config", str(config)]) as proxy:
        assert "result" in await proxy.call("echo")
    assert server.registrations[0]["friendly_name"] == "by file"


async def test_the_originals_server_flag_works(server: FakeServer, state: Path):
    async with host(environment("https://elsewhere", state), ["--server", server.url]) as proxy:
        assert "result" in await proxy.call("echo")


@pytest.mark.parametrize(
    "arguments", [["proxy", "--nonsense"], ["proxy", "extra"], ["--presharedkey", "amb_pk_x"]]
)
def test_unknown_flags_are_refused(state: Path, arguments: list[str]):
    ended = run(*arguments, env=environment("https://a", state))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("ambassador-client: AMB-1001 ")
    assert ended.stderr.count("\n") == 1
    assert "amb_pk_x" not in ended.stderr


def test_the_proxy_help_lists_its_flags(state: Path):
    ended = run("proxy", "--help", env=environment("", state))
    assert ended.returncode == 0
    assert "--server URL" in ended.stdout
