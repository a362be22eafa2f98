"""The base install: the built wheel in an empty environment of pipx, used, upgraded, and uninstalled."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.utils import canonicalize_name

from ambassador_protocol import __version__
from tests.client.host import Host
from tests.end_to_end.world import end
from tests.fakes.mcp_servers import ROOT, command
from tests.packaging.install import DISTRIBUTION, NEXT_VERSION, PROGRAMS, Pipx, build_wheel, command_lines
from tests.packaging.libraries import WheelRequirements, modules_of
from tests.rig import Rig

# Wheels are built and environments filled: minutes where the way to the package index is long.
pytestmark = pytest.mark.timeout(600)

LARGEST = 40_000_000  # bytes, compiled modules and all
CLIENT, ADMIN, SERVER = PROGRAMS

_CURE = "pipx inject mcp-ambassador keyring"

_INSTALLED = "import importlib.metadata as all; print(*(each.name for each in all.distributions()))"
_FOUND = """
import sys
from importlib.util import find_spec
print(*(name for name in sys.argv[1:] if find_spec(name)))
"""
_LOADED = """
import sys
from {package}.__main__ import main
sys.argv = ["program", "--help"]
try:
    main()
except SystemExit:
    pass
print("\\n", *{{name.partition(".")[0] for name in sys.modules}})
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipx:
    installed = Pipx(tmp_path_factory.mktemp("pipx"))
    installed.pipx("install", str(wheel))
    return installed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Run a server that the base install can only reach over the network."""
    rig = Rig(tmp_path_factory.mktemp("server"))
    rig.init()
    try:
        rig.start()
        yield rig
    finally:
        end(rig)


@pytest.mark.parametrize("program", [CLIENT, ADMIN])
def test_both_commands_start(base: Pipx, program: str):
    assert base.run(program, "--version").stdout == f"{program} {__version__}\n"
    assert base.run(program, "--help").stdout.startswith(f"Usage: {program} ")


def test_server_command_says_how_to_add_the_server(base: Pipx):
    assert base.run(SERVER, "--version").stdout == f"{SERVER} {__version__}\n"
    refused = base.run(SERVER, "serve", expect=1)
    assert (refused.stdout, refused.stderr.count("\n")) == ("", 2)
    assert refused.stderr.startswith("error: AMB-5003 ")
    assert "pipx install --force 'PATH[server]'" in refused.stderr


def test_no_library_of_an_extra_is_there(base: Pipx, wheel: Path):
    requirements = WheelRequirements(wheel)
    own = requirements.of()
    foreign = {name for extra in requirements.extras - {"test"} for name in requirements.of(extra)} - own
    assert foreign >= {"aiohttp", "sqlalchemy", "alembic", "cryptography", "pydantic", "mcp", "asyncpg"}
    installed = {canonicalize_name(name) for name in base.python(_INSTALLED).split()}
    assert {"httpx", "typer", "mcp-ambassador"} <= installed
    assert installed & foreign == set()
    modules = modules_of(foreign)
    assert modules >= {"aiohttp", "sqlalchemy", "alembic", "cryptography", "pydantic", "mcp", "asyncpg"}
    assert base.python(_FOUND, "httpx", *sorted(modules)).split() == ["httpx"]


@pytest.mark.parametrize("program", [CLIENT, ADMIN])
def test_commands_load_nothing_of_the_server(base: Pipx, program: str):
    package = program.replace("-", "_")
    loaded = set(base.python(_LOADED.format(package=package)).rpartition("\n ")[2].split())
    assert {package, "typer"} <= loaded
    assert "ambassador_server" not in loaded


def test_size_stays_small(base: Pipx):
    sizes: dict[str, int] = {}
    for path in base.site.rglob("*"):
        if path.is_file() and not path.is_symlink():
            part = path.relative_to(base.site).parts[0]
            sizes[part] = sizes.get(part, 0) + path.stat().st_size
    installed = sum(sizes.values())
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:10]
    print("installed bytes:", installed, "largest:", largest)
    assert sizes["ambassador_client"] > 0
    assert installed <= LARGEST, largest


def test_manuals_and_completions_are_where_shells_look(base: Pipx, wheel: Path):
    with ZipFile(wheel) as archive:
        shared = [name.partition(".data/data/")[2] for name in archive.namelist() if ".data/data/" in name]
    assert len(shared) == 4 * len(PROGRAMS)
    for name in shared:
        assert (base.environment / name).read_text() == (base.directory / name).read_text() != "", name


async def test_settings_survive_an_upgrade_and_an_uninstall_which_leaves_no_program(
    base: Pipx, server: Rig, tmp_path: Path
):
    code = _organise(base, server)
    _log_in(base, server, code)
    if sys.platform == "linux":
        _assert_cure_is_named(base)
    entry = _enter(base)
    await _assert_works(base, entry)
    before = _kept(base)

    base.pipx("install", "--force", str(build_wheel(tmp_path, NEXT_VERSION)))
    assert base.run(CLIENT, "--version").stdout == f"{CLIENT} {NEXT_VERSION}\n"
    await _assert_works(base, entry)
    assert _kept(base) == before
    (cursor,) = (each for each in base.json(CLIENT, "hosts") if each["name"] == "cursor")
    assert (cursor["installed"], cursor["configured"]) == (True, "yes")
    assert "admin" in base.json(ADMIN, "whoami")["roles"]

    async with _started(base, entry) as proxy:
        await _assert_calls(proxy)
        assert [line for line in command_lines() if str(base.directory) in line] != []
        base.pipx("uninstall", DISTRIBUTION)
        await _assert_calls(proxy)
        assert await proxy.leave() == 0
        assert "Traceback" not in proxy.errors
    assert not base.environment.exists()
    assert list(base.bin.iterdir()) == []
    assert _kept(base) == before
    assert [line for line in command_lines() if str(base.directory) in line] == []


def _organise(base: Pipx, server: Rig) -> str:
    """Do what an administrator does at first and return a one-time code for alice."""
    fingerprint = server.facts["ca_fingerprint"]
    base.run(ADMIN, "login", server.admin_url, "--fingerprint", fingerprint, stdin=server.facts["admin_key"])
    started = command("stdio_server")
    base.run(ADMIN, "mcp", "add", "tools", "--env", f"PYTHONPATH={ROOT}", "--", *started)
    base.run(ADMIN, "mcp", "publish", "tools")
    base.run(ADMIN, "group", "create", "developers")
    base.run(ADMIN, "grant", "add", "developers", "tools")
    base.run(ADMIN, "user", "create", "alice")
    base.run(ADMIN, "group", "add-member", "developers", "alice")
    answer: str = base.json(ADMIN, "key", "enrol", "alice", "--name", "laptop")["code"]
    return answer


def _log_in(base: Pipx, server: Rig, code: str) -> None:
    fingerprint = server.facts["ca_fingerprint"]
    done = base.run(CLIENT, "login", server.client_url, "--fingerprint", fingerprint, "--code", code)
    if sys.platform == "linux":
        assert str(_secret(base)) in done.stdout
        assert (_CURE in done.stderr, done.stderr.count("\n")) == (True, 1)
    assert base.json(CLIENT, "whoami")["user"] == "alice"


def _secret(base: Pipx) -> Path:
    (found,) = base.home.glob(".config/mcp-ambassador/client/*.secret")
    return found


def _assert_cure_is_named(base: Pipx) -> None:
    """Without its file the key may be in a keyring, which nothing here can open."""
    secret = _secret(base)
    moved = secret.rename(base.home / "moved")
    refused = base.run(CLIENT, "whoami", expect=3)
    assert refused.stderr.startswith("AMB-5004 ")
    assert (_CURE in refused.stderr, refused.stderr.count("\n")) == (True, 1)
    (key,) = (each for each in base.json(CLIENT, "doctor", expect=3) if each["check"] == "key")
    assert (key["status"], key["code"], _CURE in key["fix"]) == ("failed", "AMB-5004", True)
    moved.rename(secret)


def _enter(base: Pipx) -> dict[str, Any]:
    """Enter the client into the file of an application and return the entry."""
    file = base.home / ".cursor" / "mcp.json"
    file.parent.mkdir()
    planned = base.run(CLIENT, "install", "cursor", "--dry-run").stdout
    assert str(base.bin / CLIENT) in planned
    assert not file.exists()
    base.run(CLIENT, "install", "cursor")
    (entry,) = json.loads(file.read_text())["mcpServers"].values()
    assert entry["command"] == str(base.bin / CLIENT)
    return dict(entry)


@asynccontextmanager
async def _started(base: Pipx, entry: dict[str, Any]) -> AsyncIterator[Host]:
    """Start the client as the application would."""
    process = await asyncio.create_subprocess_exec(
        entry["command"],
        *entry.get("args", []),
        env=base.person(**entry.get("env", {})),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    proxy = Host(process)
    try:
        assert (await proxy.initialize())["result"]["serverInfo"]["version"]
        yield proxy
    finally:
        if process.returncode is None:
            process.kill()
            await proxy.exit_code()


async def _assert_works(base: Pipx, entry: dict[str, Any]) -> None:
    async with _started(base, entry) as proxy:
        await _assert_calls(proxy)
        assert await proxy.leave() == 0
    assert base.run(CLIENT, "call", "tools.echo", "text=hello").stdout.strip() == "hello"
    checked = base.json(CLIENT, "doctor")
    assert [each for each in checked if each["status"] == "failed"] == []


async def _assert_calls(proxy: Host) -> None:
    answer = await proxy.call("tools__echo", {"text": "hello"})
    assert answer["result"]["content"] == [{"type": "text", "text": "hello"}]


def _kept(base: Pipx) -> dict[str, bytes]:
    """Return the accounts, contexts, keys, certificates and files of applications."""
    places = (base.home / ".config", base.home / ".cursor")
    found = {path: path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()}
    assert any(path.suffix == ".secret" for path in found)
    return {str(path.relative_to(base.home)): content for path, content in found.items()}
