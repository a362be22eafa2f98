"""A server that is killed leaves no process: its programs end with it, and the next start ends what they started."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ambassador_server.bootstrap.options import program_settings
from ambassador_server.config import ServerConfig
from ambassador_server.downstream.programs.profile import temporary_directory
from tests.end_to_end.faces import FACES
from tests.end_to_end.world import World, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig
from tests.server.downstream.support import is_alive


@pytest.fixture
def world(tmp_path: Path, prepared: Rig) -> Iterator[World]:
    """Run a server of this test's own."""
    with running(tmp_path, prepared) as started:
        yield started


def test_after_a_stop_no_temporary_directory_of_its_programs_remains(world: World) -> None:
    """The data directory lies in the common one, so programs in landlock are given another."""
    world.publish_fixture("tools")
    directory = Path(temporary_directory(program_settings(ServerConfig(data_dir=world.rig.data_dir))))
    assert directory.is_dir() == (world.ask("GET", "mcps/tools")["sandbox"] == "landlock")
    assert world.rig.stop() == 0
    assert not directory.exists()
    world.start()


def test_after_a_kill_and_a_start_no_process_of_the_killed_server_lives(world: World) -> None:
    world.publish("stubborn", "stdio", stdio_options("--stubborn"))
    caller = world.caller()
    child = int(caller.call(FACES[0], "stubborn__process").text.split()[0])
    grandchild = int(caller.call(FACES[0], "stubborn__spawn").text)
    assert is_alive(child)
    assert is_alive(grandchild)
    assert world.rig.stop(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not is_alive(child), "the program has ended with its server")
    try:
        world.start()
        assert not is_alive(grandchild), "the start has ended what the program left behind"
        assert "ended processes that an earlier server had left" in world.log_text()
    finally:
        if is_alive(grandchild):
            os.kill(grandchild, signal.SIGKILL)
