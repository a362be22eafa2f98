"""A hostile MCP over stdio attacks the server that started it, in each sandbox, run by root and by an ordinary user."""

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.faces import FACES
from tests.end_to_end.world import GROUP, World, end, until
from tests.fakes.mcp_servers import ROOT, stdio_options
from tests.fakes.mcp_servers.hostile_server import ATTACKS
from tests.rig import BIN, Rig

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
SECRET = "the-secret-of-another-entry"
USERS = ["root", "nobody"] if IS_ROOT else ["self"]
HOLDING = ("landlock", "bubblewrap", "user")

# What a sandbox leaves to a program, by its documentation.
LEFT = {
    # Permissions alone: what may be named, seen or connected to by anybody.
    "user": {"reach_an_abstract_socket"},
    # Its own network namespace only comes with the profile strict.
    "bubblewrap": {"reach_an_abstract_socket"},
}
# Before version 6 of Landlock.
UNSCOPED = {"reach_an_abstract_socket", "send_signal", "signal_by_descriptor"}


def as_nobody(directory: Path) -> tuple[str, ...]:
    """Return the words that run a command as nobody, for whom an interpreter below /root is made reachable."""
    prefix = Path(sys.base_prefix)
    home = Path.home()
    words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"]
    if not prefix.is_relative_to(home):
        return tuple(words)
    stage = directory / "stage"
    inner = stage / prefix.relative_to(home)
    inner.mkdir(parents=True)
    script = f'mount --bind "{prefix}" "{inner}" && mount --rbind "{stage}" "{home}" && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, "sh", *words)


@pytest.fixture(scope="module", params=USERS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Run a server with a configuration file and a secret file, as root or as an ordinary user."""
    directory = Path(tempfile.mkdtemp(prefix="ambassador-sandboxes-"))
    configuration, secret = directory / "server.yaml", directory / "secret"
    configuration.write_text(json.dumps({"stdio": {"unsandboxed": "allowed"}}))
    secret.write_text(SECRET)
    (directory / "home").mkdir()
    server: tuple[str, ...] = (str(BIN / "ambassador-server"),)
    try:
        preparing = Rig(directory, tls=False, is_preloaded=True)
        preparing.init()
        if request.param == "nobody":
            server = (*as_nobody(directory), *server)
            give_to_nobody(directory)
        rig = Rig(
            directory,
            tls=False,
            server=("env", f"HOME={directory / 'home'}", "MCP_AMBASSADOR_LOG_LEVEL=info", *server),
            server_flags=("--config", str(configuration)),
            facts=dict(preparing.facts),
        )
        world = World(rig)
        try:
            world.start()
            world.ask("POST", "groups", {"name": GROUP})
            with_secret = stdio_options(env={"TOKEN": f"file://{secret}"})
            world.offer("holder", "stdio", with_secret)
            yield world
            world.close_connections()
        finally:
            end(rig)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def give_to_nobody(directory: Path) -> None:
    """Make nobody the owner of everything in the directory."""
    os.chown(directory, NOBODY, NOBODY)
    for path in directory.rglob("*"):
        if "stage" not in path.relative_to(directory).parts:
            os.chown(path, NOBODY, NOBODY)


def pid_of_server(world: World) -> int:
    """Return the process that listens: the words before the command become it."""
    assert world.rig.process is not None
    return world.rig.process.pid


def owner(world: World) -> int:
    """Return the user that the server runs as."""
    return os.stat(world.rig.data_dir).st_uid


def target(world: World, socket_name: str) -> dict[str, Any]:
    """Return what the hostile server attacks."""
    data = world.rig.data_dir
    scratch = Path(tempfile.mkdtemp(prefix="hostile-"))
    os.chmod(scratch, 0o777)
    files = [path for path in data.rglob("*") if path.is_file()]
    files += [world.rig.directory / "server.yaml", world.rig.directory / "secret"]
    return {
        "pid": pid_of_server(world),
        "data_dir": str(data),
        "files": [str(path) for path in files],
        "scratch": str(scratch),
        "home": str(world.rig.directory / "home"),
        "code": [str(ROOT / "ambassador_server" / "__init__.py"), sys.executable],
        "socket": socket_name,
    }


def hostile(kind: str) -> dict[str, Any]:
    """Return the options of the hostile server, for an interpreter that every user can reach if there is one."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    command = [python, "-m", "tests.fakes.mcp_servers.hostile_server"]
    return {"command": command, "cwd": str(ROOT), "sandbox": {"kind": kind}}


def offered(world: World) -> dict[str, dict[str, Any]]:
    """Return what the server says about each sandbox."""
    return {each["kind"]: each for each in world.ask("GET", "server/health")["sandboxes"]}


def attack(world: World, kind: str, **changes: Any) -> dict[str, str]:
    """Publish a hostile server in this sandbox and return its report."""
    name = world.fresh("hostile")
    world.publish(name, "stdio", hostile(kind))
    assert world.ask("GET", f"mcps/{name}")["sandbox"] == kind
    control, terminal = os.openpty()
    os.chown(os.ttyname(terminal), owner(world), -1)
    with socket.socket(socket.AF_UNIX) as listening:
        socket_name = f"ambassador-{os.getpid()}-{name}"
        listening.bind(f"\0{socket_name}")
        listening.listen()
        wanted = {**target(world, socket_name), "terminal": os.ttyname(terminal), **changes}
        try:
            answer = world.caller().call(FACES[0], f"{name}__attack", wanted)
        finally:
            shutil.rmtree(wanted["scratch"], ignore_errors=True)
            os.close(control)
            os.close(terminal)
    assert answer.succeeded, answer
    report: dict[str, str] = json.loads(answer.text)
    return report


def succeeded(report: dict[str, str]) -> dict[str, str]:
    """Return the attacks that succeeded."""
    return {name: what for name, what in report.items() if what.startswith("SUCCEEDED")}


@pytest.mark.parametrize("kind", HOLDING)
def test_a_sandbox_holds_every_attack_or_says_why_it_is_not_available(world: World, kind: str) -> None:
    offer = offered(world)[kind]
    if not offer["available"]:
        assert offer["detail"]
        name = world.fresh("hostile")
        world.offer(name, "stdio", hostile(kind))
        refused = world.admin.post(f"/v1/admin/mcps/{name}/publish")
        assert not refused.is_success
        assert offer["detail"] in refused.json()["detail"]
        return
    report = attack(world, kind)
    assert set(report) == {attempt.__name__ for attempt in ATTACKS}
    left = LEFT.get(kind, set()) | (UNSCOPED if "does not hold back" in offer["detail"] else set())
    assert {name: what for name, what in succeeded(report).items() if name not in left} == {}
    assert world.rig.process is not None
    assert world.rig.process.poll() is None


def test_without_a_sandbox_the_same_attacks_succeed(world: World) -> None:
    """Otherwise the test above would prove nothing."""
    harmless = ["list_data", "read_files", "read_files_by_own_root", "write_an_admin_key", "send_signal"]
    report = attack(world, "none", only=[*harmless, "read_files_through_a_link", "reopen_files"])
    assert set(succeeded(report)) == set(report), report


def test_an_ordinary_user_s_server_hides_its_memory_even_from_a_program_without_a_sandbox(
    world: World,
) -> None:
    """From a program of root nothing can be hidden, which also shows that the attacks work."""
    is_root = owner(world) == 0
    attacks = ["read_environment", "read_memory", "read_memory_by_system_call", "list_descriptors"]
    if not is_root:
        # A server that is traced stops at its next signal.
        attacks.append("trace")
    report = attack(world, "none", only=attacks)
    assert set(succeeded(report)) == (set(attacks) if is_root else set()), report


def test_the_best_sandbox_is_the_default_and_shown(world: World) -> None:
    offers = offered(world)
    default = next(kind for kind, offer in offers.items() if offer["is_default"])
    assert default == next(kind for kind, offer in offers.items() if offer["available"])
    name = world.fresh("plain")
    world.publish(name, "stdio", stdio_options())
    shown = world.ask("GET", f"mcps/{name}")
    assert shown["sandbox"] == default
    assert {each["sandbox"] for each in world.ask("GET", "mcps")["items"] if each["name"] == name} == {
        default
    }
    until(lambda: "programs of MCPs over stdio" in world.log_text(), "the start says it")
