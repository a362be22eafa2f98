"""The options of `mcp add` and `mcp update` that describe an MCP, and warnings about secrets in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from ambassador_admin.cli.parsing import parse_pairs
from ambassador_admin.declarative.secrets import looks_secret
from ambassador_admin.errors import UsageError
from ambassador_protocol.json_text import parse_value
from ambassador_protocol.references import SCHEMES, parse_reference


class ArgumentPolicy(StrEnum):
    """How much of a call's arguments the audit stores."""

    NONE = "none"
    KEYS = "keys"
    REDACTED = "redacted"
    FULL = "full"


class Isolation(StrEnum):
    """Whether users share one connection."""

    SHARED = "shared"
    PER_USER = "per-user"

    @property
    def wire(self) -> str:
        """Return the value that the API uses."""
        return self.value.replace("-", "_")


class Sessions(StrEnum):
    """Whether users share one MCP session with it."""

    SHARED = "shared"
    PER_USER = "per-user"
    AUTO = "auto"

    @property
    def wire(self) -> str:
        """Return the value that the API uses."""
        return self.value.replace("-", "_")


class Broadcast(StrEnum):
    """Which of its tools can be called together with those of other MCPs."""

    OFF = "off"
    READ_ONLY = "read-only"
    ALL = "all"

    @property
    def wire(self) -> str:
        """Return the value that the API uses."""
        return self.value.replace("-", "_")


class Pin(StrEnum):
    """What happens to tools with another definition than the approved one."""

    OFF = "off"
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class McpOptions:
    """The attributes of an MCP besides its name and command."""

    transport: Annotated[
        str | None,
        typer.Option(
            "--transport",
            metavar="WORD",
            help="stdio, streamable_http or sse; by default one of the first two, depending on the other options.",
        ),
    ] = None
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The MCP's endpoint.")] = None
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=VALUE", help="A header of every request; may be repeated."),
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", metavar="NAME=VALUE", help="An environment variable of the process; may be repeated."
        ),
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=JSON",
            help="Another option of the transport, such as cwd, sandbox or limits; may be repeated.",
        ),
    ] = None
    display_name: Annotated[
        str | None, typer.Option("--display-name", metavar="TEXT", help="The name shown to people.")
    ] = None
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What the MCP is for.")
    ] = None
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="WORD", help="A tag; may be repeated; '' for none.")
    ] = None
    arguments: Annotated[
        ArgumentPolicy | None,
        typer.Option("--arguments", help="What the audit stores of a call's arguments; by default redacted."),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="SECONDS", min=0.1, help="The deadline of one call; by default 60."
        ),
    ] = None
    max_in_flight: Annotated[
        int | None,
        typer.Option(
            "--max-in-flight",
            metavar="N",
            min=1,
            max=4096,
            help="How many calls each connection may have in flight; by default 256.",
        ),
    ] = None
    failures: Annotated[
        int | None,
        typer.Option(
            "--failures",
            metavar="N",
            min=0,
            max=1000,
            help="Failures in a row after which its circuit breaker opens; 0, the default, for the server's setting.",
        ),
    ] = None
    grace: Annotated[
        float | None,
        typer.Option(
            "--grace",
            metavar="SECONDS",
            min=0,
            help="How long its last known tools are listed while it fails; 0, the default, for the server's setting.",
        ),
    ] = None
    isolation: Annotated[
        Isolation | None,
        typer.Option("--isolation", help="Whether users share one connection; by default shared."),
    ] = None
    pin: Annotated[
        Pin | None,
        typer.Option(
            "--pin",
            help="What a new or changed tool does: block, the default, stops it until `mcp approve`; warn "
            "lets it be used while it waits; off: none waits.",
        ),
    ] = None
    prefix: Annotated[
        bool | None,
        typer.Option(
            "--prefix/--no-prefix",
            help="Whether published names begin with the MCP's name, also where the plain one is unique; by default "
            "they do.",
        ),
    ] = None
    sessions: Annotated[
        Sessions | None,
        typer.Option(
            "--sessions",
            help="Whether users share one MCP session; by default auto: as long as it keeps no state of them.",
        ),
    ] = None
    broadcast: Annotated[
        Broadcast | None,
        typer.Option(
            "--broadcast",
            help="Which tools can be called together with those of other MCPs: those that only read, or all; by "
            "default off.",
        ),
    ] = None
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="LABEL", help="The label of the declarative file that owns it; '' for none."
        ),
    ] = None

    @property
    def describes_connection(self) -> bool:
        """Tell whether an option describes the connection."""
        return any(
            part is not None for part in (self.transport, self.url, self.header, self.env, self.option)
        )

    def attributes(self) -> dict[str, Any]:
        """Return the other attributes that are given, by the names of the API."""
        given = {
            "display_name": self.display_name,
            "description": self.description,
            "tags": None if self.tag is None else [tag for tag in self.tag if tag],
            "arguments": self.arguments,
            "call_timeout_seconds": self.timeout,
            "max_in_flight": self.max_in_flight,
            "breaker_failures": self.failures,
            "grace_seconds": self.grace,
            "isolation": None if self.isolation is None else self.isolation.wire,
            "pin": self.pin,
            "prefixed": self.prefix,
            "sessions": None if self.sessions is None else self.sessions.wire,
            "broadcast": None if self.broadcast is None else self.broadcast.wire,
            "owner": self.owner,
        }
        return {name: value for name, value in given.items() if value is not None}

    def transport_and_options(self, command: list[str]) -> tuple[str, dict[str, Any]]:
        """Return the transport and its options; raises UsageError unless they are either a command or a URL."""
        options = self._options(command)
        for name, text in parse_pairs(self.option or [], "--option").items():
            if name in {"command", "args", "env", "url", "headers"}:
                raise UsageError(f"--option cannot set {name}, which has a way of its own.")
            options[name] = _value(text)
        return self.transport or ("stdio" if command else "streamable_http"), options

    def _options(self, command: list[str]) -> dict[str, Any]:
        if (self.url is None) == (not command):
            raise UsageError(
                "An MCP needs either a command or a URL.",
                hint="end with -- COMMAND ARG…, or name a --url",
            )
        headers, env = parse_pairs(self.header or [], "--header"), parse_pairs(self.env or [], "--env")
        if self.url is not None:
            if env:
                raise UsageError("--env is for a command; a URL takes --header.")
            return {"url": self.url} | ({"headers": headers} if headers else {})
        if headers:
            raise UsageError("--header is for a URL; a command takes --env.")
        return {"command": command[0], "args": command[1:]} | ({"env": env} if env else {})


def _value(text: str) -> Any:
    """Return the JSON value, or the text itself if it is none: a path needs no quotes."""
    try:
        return parse_value(text)
    except ValueError:
        return text


def secret_warnings(option: str, values: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each variable or header that has a secret in plain text or a misplaced reference."""
    for name, value in values.items():
        if parse_reference(value) is not None:
            continue
        if any(f"{scheme}://" in value for scheme in SCHEMES):
            yield f"{option} {name}: a reference is resolved only if it is the whole value."
        elif looks_secret(name, value):
            yield (
                f"{option} {name} looks like a secret in plain text; the catalog and your shell's history store it. "
                f"Write {option} {name}=env://NAME or file:///PATH, which the server resolves."
            )
