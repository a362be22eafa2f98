"""Options of both transports are read strictly, and no error quotes a value."""

import os
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.downstream.options import check_reference, resolve_reference
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transports import check_options
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError


@pytest.mark.parametrize(
    "options",
    [
        {"command": "program"},
        {"command": ["program", "--flag"], "args": ["more"], "env": {"A": "1"}, "cwd": "/"},
        {"command": "program", "env": {"A": "env://B", "C": "file:///run/secrets/c"}},
    ],
)
def test_stdio_accepts_these_options(options: dict[str, Any]):
    check_options("stdio", options, ProgramSettings())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "missing required field 'command'"),
        ({"command": 5}, "command: expected a text or a list, got a whole number"),
        ({"command": []}, "'command' .* is empty"),
        ({"command": " "}, "'command' .* is empty"),
        ({"command": "a", "args": "b"}, "args: expected a list, got a text"),
        ({"command": "a", "env": {"A": 1}}, r"env\[...\]: expected a text, got a whole number"),
        ({"command": "a", "env": {"A=B": "1"}}, "'A=B' is not a variable name"),
        ({"command": "a", "env": {"A": "env://"}}, "does not name an environment variable"),
        ({"command": "a", "env": {"A": "env://MCP_AMBASSADOR_MASTER_KEY"}}, "never given to a downstream"),
        ({"command": "a", "env": {"A": "file://relative"}}, "not an absolute path"),
        ({"command": "a", "env": {"A": "vault://hunter2"}}, "'vault://' is not a known scheme of secrets"),
        ({"command": "a", "env": {"A": "ENV://B"}}, "'ENV://' is not a known scheme of secrets"),
        ({"command": "a\0b"}, "NUL"),
        ({"command": "a", "shell": True}, "no option 'shell'; it has command, args, env, cwd"),
    ],
)
def test_stdio_refuses_these_options(options: dict[str, Any], text: str):
    with pytest.raises(InvalidInputError, match=text):
        check_options("stdio", options, ProgramSettings())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "missing required field 'url'"),
        ({"url": 5}, "url: expected a text, got a whole number"),
        ({"url": "ftp://host/"}, "must be http:// or https://"),
        ({"url": "host/path"}, "must be http:// or https://"),
        ({"url": "http:///path"}, "must be http:// or https://|not a URL"),
        ({"url": "http://host:99999/"}, "not a URL|must be"),
        ({"url": "https://user:hunter2@host/"}, "may not hold credentials"),
        ({"url": "http://h/", "headers": {"Host": "x"}}, "cannot set 'Host'"),
        ({"url": "http://h/", "headers": {"mcp-session-id": "x"}}, "cannot set 'mcp-session-id'"),
        ({"url": "http://h/", "headers": {"a b": "x"}}, "cannot set 'a b'"),
        ({"url": "http://h/", "headers": {"A": "hunter2\r\nB: c"}}, "'A' holds control characters"),
        (
            {"url": "http://h/", "headers": {"A": "env://MCP_AMBASSADOR_PEPPER"}},
            "never given to a downstream",
        ),
        (
            {"url": "http://h/", "headers": {"A": "secret://hunter2"}},
            "'secret://' is not a known scheme of secrets",
        ),
        ({"url": "http://h/", "cookies": {}}, "no option 'cookies'; it has url, headers, ca_file"),
    ],
)
def test_streamable_http_refuses_these_options(options: dict[str, Any], text: str):
    with pytest.raises(InvalidInputError, match=text) as refusal:
        check_options("streamable_http", options, ProgramSettings())
    assert "hunter2" not in str(refusal.value)


async def test_a_plain_value_stands_for_itself():
    check_reference("plain")
    assert await resolve_reference("plain") == "plain"


async def test_a_variable_that_is_empty_counts_as_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMPTY_ONE", "")
    with pytest.raises(DownstreamUnavailableError, match="env://EMPTY_ONE is not set"):
        await resolve_reference("env://EMPTY_ONE")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"x" * 70_000, "is empty or larger"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
async def test_a_file_that_can_be_no_secret_is_refused(content: bytes, text: str, tmp_path: Path):
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(DownstreamUnavailableError, match=text):
        await resolve_reference(f"file://{path}")


async def test_a_directory_and_a_pipe_are_no_files(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DownstreamUnavailableError, match=r"cannot be read|not a regular file"):
            await resolve_reference(f"file://{path}")
