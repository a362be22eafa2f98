"""Sandbox `none`: the program may do everything that this server's user may do."""

from ambassador_server.downstream.programs.plan import Launch, SandboxOptions, Wrapped
from ambassador_server.downstream.programs.settings import ProgramSettings


def offer(settings: ProgramSettings) -> str:
    """Return what the sandbox holds back."""
    return "nothing is out of reach: the program can read this server's keys, database and configuration"


def shortcoming(options: SandboxOptions) -> str | None:
    """Return what of the options cannot be enforced."""
    return "it enforces nothing" if options.names_limits else None


def wrap(launch: Launch) -> Wrapped:
    """Return the program as it is."""
    return Wrapped(program=launch.program, args=launch.args, env=launch.env)
