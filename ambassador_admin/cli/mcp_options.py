"""What can be said of an MCP on the command line, and what is risky about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from ambassador_admin.cli.parsing import parse_pairs
from ambassador_admin.declarative.secrets import looks_secret
from ambassador_admin.errors import UsageError
from ambassador_protocol.references import SCHEMES, parse_reference


class ArgumentPolicy(StrEnum):
    """How much of a call's arguments the audit keeps."""

    NONE = "none"
    KEYS = "keys"
    REDACTED = "redacted"
    FULL = "full"


class Isolation(StrEnum):
    """Whether the users share one connection."""

    SHARED = "shared"
    PER_USER = "per-user"

    @property
    def wire(self) -> str:
        """Return the server's word."""
        return self.value.replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class McpOptions:
    """What can be said of an MCP besides its name and command."""

    transport: Annotated[
        str | None,
        typer.Option(
            "--transport", metavar="WORD", help="stdio or streamable_http; follows from what else is given."
        ),
    ] = None
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The MCP's endpoint.")] = None
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=VALUE", help="A header of every request; may be repeated."),
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="NAME=VALUE", help="A variable of the process; may be repeated."),
    ] = None
    display_name: Annotated[
        str | None, typer.Option("--display-name", metavar="TEXT", help="For people.")
    ] = None
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")
    ] = None
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="WORD", help="A tag; may be repeated. '' for none.")
    ] = None
    arguments: Annotated[
        ArgumentPolicy | None,
        typer.Option("--arguments", help="What the audit keeps of a call's arguments; redacted at first."),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", min=0.1, help="The deadline of one call; 60 at first."),
    ] = None
    isolation: Annotated[
        Isolation | None,
        typer.Option("--isolation", help="Whether the users share one connection; shared at first."),
    ] = None
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="LABEL", help="The declarative file it belongs to; '' for none."),
    ] = None

    @property
    def describes_connection(self) -> bool:
        """Tell whether anything is said about how to connect."""
        return any(part is not None for part in (self.transport, self.url, self.header, self.env))

    def attributes(self) -> dict[str, Any]:
        """Return what is said besides that, by the names of the API."""
        said = {
            "display_name": self.display_name,
            "description": self.description,
            "tags": None if self.tag is None else [tag for tag in self.tag if tag],
            "arguments": self.arguments,
            "call_timeout_seconds": self.timeout,
            "isolation": None if self.isolation is None else self.isolation.wire,
            "owner": self.owner,
        }
        return {name: value for name, value in said.items() if value is not None}

    def transport_and_options(self, command: list[str]) -> tuple[str, dict[str, Any]]:
        """Return the transport and its options; raises UsageError unless they describe exactly one."""
        return self.transport or ("stdio" if command else "streamable_http"), self._options(command)

    def _options(self, command: list[str]) -> dict[str, Any]:
        if (self.url is None) == (not command):
            raise UsageError(
                "An MCP is either a command or a URL.",
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


def secret_warnings(option: str, given: Mapping[str, str]) -> Iterator[str]:
    """Yield what is risky about the variables or headers of an MCP."""
    for name, value in given.items():
        if parse_reference(value) is not None:
            continue
        if any(f"{scheme}://" in value for scheme in SCHEMES):
            yield f"{option} {name}: a reference is resolved only where it is the whole value."
        elif looks_secret(name, value):
            yield (
                f"{option} {name} looks like a secret in plain text; the catalog and your shell's history keep it. "
                f"Write {option} {name}=env://NAME or file:///PATH, which the server resolves."
            )
