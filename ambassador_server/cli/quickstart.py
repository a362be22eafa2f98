"""The command `ambassador-server quickstart`: asks what a first server needs; `quickstart_server.py` sets it up."""

import getpass
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ambassador_server.errors import AmbassadorError, InvalidInputError

SETTINGS_FILE = "ambassador.yaml"
"""Name of the file in the data directory with what `serve` needs to serve the same way."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What quickstart needs to know; `connection` is the MCP's transport with its options."""

    data_dir: Path
    hostname: str
    mcp: str
    connection: tuple[str, dict[str, Any]]
    user: str
    group: str


NewDataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="New directory of keys, database and audit log.", show_default=False),
]
Hostname = Annotated[
    str | None,
    typer.Option(
        help="Host name of this machine for developers; localhost admits no other machine.",
        show_default=False,
    ),
]
McpName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of the first MCP.", show_default=False)
]
McpUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The first MCP's endpoint, if no command.", show_default=False),
]
McpCommand = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- COMMAND ARG", help="The command that starts the first MCP, for stdio."),
]
UserName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of the first developer.", show_default=False)
]
GroupName = Annotated[str, typer.Option(metavar="NAME", help="Name of the first developer's group.")]
ClientPort = Annotated[int | None, typer.Option(help="Port of the client API.", show_default="8443")]
AdminPort = Annotated[int | None, typer.Option(help="Port of the admin API.", show_default="9443")]


def quickstart(
    data_dir: NewDataDir = None,
    hostname: Hostname = None,
    mcp: McpName = None,
    url: McpUrl = None,
    user: UserName = None,
    group: GroupName = "developers",
    port: ClientPort = None,
    admin_port: AdminPort = None,
    command: McpCommand = None,
) -> None:
    """Set up a server with a first MCP and a first developer, and serve until SIGTERM or Ctrl-C.

    On a terminal it asks for what is not given. When it serves, it prints the line with which the developer logs in,
    the line and the key for an administrator, and the command that starts this server the next time. If anything fails
    before that, nothing is left of the data directory.

    Example: ambassador-server quickstart --mcp time -- uvx mcp-server-time
    """
    if url is not None and command:
        raise InvalidInputError("The first MCP has either a command or a --url.")
    given = {
        "--data-dir": None if data_dir is None else str(data_dir),
        "--hostname": hostname,
        "--mcp": mcp,
        "-- COMMAND or --url": shlex.join(command) if command else url,
        "--user": user,
    }
    missing = [flag for flag, answer in given.items() if answer is None]
    if missing and not sys.stdin.isatty():
        raise InvalidInputError(
            f"There is no terminal to ask on. Missing: {', '.join(missing)}.",
            hint="ambassador-server quickstart --help",
        )
    answers = _answers(given, group)
    from ambassador_server.cli.quickstart_server import set_up_and_serve

    set_up_and_serve(answers, port=port, admin_port=admin_port)


def _answers(given: Mapping[str, str | None], group: str) -> Answers:
    """Check each answer that is given, and ask for the others."""
    from ambassador_server.domain.catalog.mcps import check_mcp_name
    from ambassador_server.domain.catalog.published_names import check_not_own
    from ambassador_server.domain.shared.names import check_name

    def user_name(text: str) -> str:
        return check_name("user", text)

    def mcp_name(text: str) -> str:
        return check_not_own(check_mcp_name(text))

    check_name("group", group)
    return Answers(
        data_dir=_answer(given["--data-dir"], "New data directory", "ambassador-data", _new_directory),
        hostname=_answer(
            given["--hostname"],
            "Host name of this machine for developers (localhost admits no other machine)",
            "localhost",
            _hostname,
        ),
        mcp=_answer(given["--mcp"], "Name of the first MCP", "time", mcp_name),
        connection=_answer(
            given["-- COMMAND or --url"], "Its command or URL", "uvx mcp-server-time", _connection
        ),
        user=_answer(given["--user"], "Name of the first developer", getpass.getuser(), user_name),
        group=group,
    )


def _answer(given: str | None, question: str, default: str, read: Callable[[str], T]) -> T:
    if given is not None:
        return read(given)

    def read_or_ask_again(text: str) -> T:
        try:
            return read(text.strip())
        except AmbassadorError as error:
            raise typer.BadParameter(error.message) from error

    answer: T = typer.prompt(question, default=default, value_proc=read_or_ask_again)
    return answer


def _new_directory(text: str) -> Path:
    """Return the path; raises InvalidInputError unless nothing is there, or an empty directory."""
    path = Path(text).expanduser().absolute()
    try:
        is_new = not path.exists() or (path.is_dir() and not any(path.iterdir()))
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be used as data directory: {error.strerror}.") from error
    if not is_new:
        settings = path / SETTINGS_FILE
        option, value = ("--config", settings) if settings.exists() else ("--data-dir", path)
        raise InvalidInputError(
            f"{path} is in use; quickstart only sets up a new data directory.",
            hint=f"Choose another one, or serve it: ambassador-server serve {option} {shlex.quote(str(value))}",
        )
    return path


def _hostname(text: str) -> str:
    """Return the name or address; raises InvalidInputError or ConfigurationError unless a client can connect to it."""
    from ambassador_protocol.paths import DEFAULT_CLIENT_PORT
    from ambassador_protocol.server_urls import is_loopback, parse_server_url, url_host
    from ambassador_server.crypto.certificate_names import alternative_names

    try:
        parse_server_url(f"https://{url_host(text)}", DEFAULT_CLIENT_PORT)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is no host name for clients: {error}.") from error
    is_unspecified = alternative_names((text,)) == alternative_names(()) and not is_loopback(text)
    if is_unspecified or text.startswith("*"):
        raise InvalidInputError(f"{text!r} is no host name that a client can connect to.")
    return text


def _connection(text: str) -> tuple[str, dict[str, Any]]:
    """Return the transport of a URL or of a command line, with its options."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidInputError(f"The command line is malformed: {error}.") from error
    if not words:
        raise InvalidInputError("Name a command or a URL.")
    if words[0].startswith(("https://", "http://")):
        return "streamable_http", {"url": text}
    return "stdio", {"command": words[0], "args": words[1:]}
