"""Causes every audit event of circuit breakers on a real server."""

from pathlib import Path

from tests.end_to_end import scripted_server
from tests.end_to_end.faces import LEGACY
from tests.end_to_end.world import Caller, World, until


def breakers(world: World, directory: Path, planted: str) -> None:
    """Let MCPs fail until their breakers open, and come back; a script that fails is `planted`."""
    script = _published(world, directory, "failing")
    whole = script.read_text()
    script.write_text(planted)
    world.ask("POST", "mcps/failing/restart")
    until(lambda: world.ask("GET", "mcps/failing")["breaker"] != "closed", "the breaker opens")
    script.write_text(whole)
    until(lambda: world.ask("GET", "mcps/failing")["breaker"] == "closed", "the breaker closes")
    _of_users(world, directory, planted)


def _of_users(world: World, directory: Path, planted: str) -> None:
    """Let the connections of two users fail; that of the first one again, which is only counted."""
    script = _published(world, directory, "personal", isolation="per_user", breaker_failures=1)
    whole = script.read_text()
    first, second = world.caller(), world.caller()
    _fail(world, script, planted, first)
    until(lambda: _count(world, "open") == 1, "the breaker of the first user is recorded")
    script.write_text(whole)
    until(lambda: first.call(LEGACY, "personal__edit").succeeded, "it comes back")
    until(lambda: _count(world, "close") == 1, "its end is recorded")
    _fail(world, script, planted, first)
    _fail(world, script, planted, second)
    until(lambda: _count(world, "open") == 2, "the breaker of the second user is recorded")
    script.write_text(whole)


def _published(world: World, directory: Path, name: str, **more: object) -> Path:
    """Publish an MCP and return its script."""
    options = scripted_server.options(directory, {"tools": [scripted_server.tool("edit")]})
    world.publish(name, "stdio", options, **more)
    return Path(options["command"][-1])


def _fail(world: World, script: Path, planted: str, caller: Caller) -> None:
    """Let the connection of a caller fail until its breaker is open."""
    script.write_text(planted)
    if caller.call(LEGACY, "personal__edit").succeeded:
        world.ask("POST", "mcps/personal/restart")
    until(
        lambda: "circuit breaker open" in caller.call(LEGACY, "personal__edit").text,
        "the breaker of the user opens",
    )


def _count(world: World, verb: str) -> int:
    """Return how many events about the connections of users were recorded."""
    return sum("user" in event["details"] for event in world.events(action=f"system:breaker:{verb}"))
