"""Which commands `stdio.allowed_commands` allows."""

import pytest

from ambassador_server.downstream.programs.allowed import check_command
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transports import check_options
from ambassador_server.errors import InvalidInputError

ALLOWED = ("uvx mcp-server-*", "/opt/mcp/*", "python3 -m tools.*", "plain")


@pytest.mark.parametrize(
    "command",
    [
        ["uvx", "mcp-server-time"],
        ["uvx", "mcp-server-git", "--repository", "/srv"],
        ["/opt/mcp/tickets"],
        ["/opt/mcp/../mcp/tickets"],
        ["python3", "-m", "tools.notes"],
        ["plain"],
    ],
)
def test_a_command_that_a_pattern_names_is_allowed(command: list[str]):
    check_command(command, {"TOKEN": "x"}, None, ALLOWED)


@pytest.mark.parametrize(
    "command",
    [
        ["uvx"],
        ["uvx", "--from", "evil", "mcp-server-time"],
        ["uvx", "evil"],
        ["/opt/mcp/../../bin/sh"],
        ["./plain"],
        ["/tmp/plain"],
        ["PLAIN"],
        ["sh", "-c", "plain"],
        ["python3", "-c", "-m tools.notes"],
    ],
)
def test_any_other_command_is_refused(command: list[str]):
    with pytest.raises(InvalidInputError, match=r"stdio\.allowed_commands"):
        check_command(command, {}, None, ALLOWED)


@pytest.mark.parametrize(
    "name", ["PATH", "LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "npm_config_registry", "UV_INDEX_URL"]
)
def test_a_variable_that_redirects_a_program_is_refused_only_with_the_setting(name: str):
    with pytest.raises(InvalidInputError, match=name):
        check_command(["plain"], {name: "/tmp"}, None, ALLOWED)
    check_command(["plain"], {name: "/tmp"}, None, None)


def test_a_relative_program_is_compared_below_its_working_directory():
    check_command(["bin/tickets"], {}, "/opt/mcp", ALLOWED)
    with pytest.raises(InvalidInputError):
        check_command(["bin/tickets"], {}, "/opt", ALLOWED)


def test_no_pattern_allows_nothing():
    with pytest.raises(InvalidInputError):
        check_options("stdio", {"command": "plain"}, ProgramSettings(allowed_commands=()))
