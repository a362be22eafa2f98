"""Registers functions as commands and adds the common options: server, account, trust and output format."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cached_property
from getpass import getpass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from ambassador_client.account.account_store import AccountStore
from ambassador_client.account.setting_sources import Flags
from ambassador_client.account.settings import Settings, account_store, load_settings
from ambassador_client.cli.output import Format
from ambassador_client.errors import one_line
from ambassador_protocol.variables import misspelling, misspelt_variables

if TYPE_CHECKING:
    from ambassador_client.cli.server_client import ServerClient

P = ParamSpec("P")

HELP = {"help_option_names": ["-h", "--help"]}


class Run:
    """One run of a command: its options, settings and server."""

    def __init__(self, flags: Flags, output: Format | None) -> None:
        self.flags = flags
        self.output = output
        self._clients: list[ServerClient] = []
        self._done: list[str] = []

    @cached_property
    def settings(self) -> Settings:
        """The settings of this run, after a warning of misspelt variables; raises SettingsError, NoCredentialsError."""
        for name, near in misspelt_variables(os.environ).items():
            self.say(f"warning: {misspelling(name, near)}")
        return load_settings(self.flags)

    @property
    def accounts(self) -> AccountStore:
        """The accounts of this user."""
        return account_store(os.environ)

    @cached_property
    def server(self) -> "ServerClient":
        """A client for the server of this run that sends the preshared key."""
        return self.connect(self.settings, self.settings.preshared_key)

    def connect(self, settings: Settings, secret: str | None) -> "ServerClient":
        """Return a client for a server that sends this secret; None sends no secret."""
        # Imported here: httpx is slow to import.
        from ambassador_client.account.proxy_tunnel import tunnel_to
        from ambassador_client.account.tls import context_from_settings
        from ambassador_client.cli.server_client import ServerClient

        tunnel = tunnel_to(settings.server_url, os.environ)
        tls = context_from_settings(settings, None if tunnel is None else tunnel.dial)
        client = ServerClient(settings.server_url, tls, secret, tunnel)
        self._clients.append(client)
        return client

    def did(self, change: str) -> None:
        """Record a change on this machine, for a user who interrupts the run after it."""
        self._done.append(change)

    def what_was_done(self) -> str:
        """Return what the run has changed, for a user who has interrupted it."""
        unanswered = next((client.unanswered for client in self._clients if client.unanswered), None)
        done = sum(client.changes for client in self._clients)
        if unanswered is not None:
            also = f" {done} before it were made." if done else ""
            return f"Interrupted before the answer to {unanswered}: it may have run, or not.{also}"
        if self._done:
            return f"Interrupted; done before: {'; '.join(self._done)}."
        if done:
            return f"Interrupted; {done} of the changes were made and stay."
        return "Interrupted; nothing was changed."

    def say(self, words: str) -> None:
        """Write a message for people to standard error."""
        sys.stderr.write(f"{one_line(words)}\n")

    def say_whole(self, words: str) -> None:
        """Write a message that may be long, such as one with an address, to standard error."""
        sys.stderr.write("".join(char if char.isprintable() else " " for char in words) + "\n")
        sys.stderr.flush()

    def prompt_secret(self, prompt: str) -> str:
        """Return a secret typed at the terminal, which is not echoed."""
        return getpass(prompt, stream=sys.stderr)


Command = Callable[Concatenate[Run, P], int | None]


def _shared_options(
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="NAME", help="Name of the account."),
    ] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="Address of the server.")] = None,
    ca_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Trust only these CA certificates.")
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(metavar="SHA256", help="Trust the server or CA certificate with this fingerprint."),
    ] = None,
    allow_self_signed: Annotated[
        bool | None, typer.Option("--allow-self-signed", help="Accept any certificate; for trials only.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON file with settings.")] = None,
    output: Annotated[Format | None, typer.Option("--output", "-o", help="Output format.")] = None,
) -> None:
    """Declare the common options."""


def command(
    group: typer.Typer,
    name: str,
    function: Callable[Concatenate[Run, ...], int | None],
    *,
    changes: bool = False,
) -> None:
    """Register a command; `function` takes the Run and its own parameters and returns an exit code or None.

    A parameter whose type is a dataclass becomes one option per field, which each have a default.
    One that `changes` something says what was done when the user interrupts it.
    """
    declared = list(signature(function, eval_str=True).parameters.values())[1:]
    objects: dict[str, Any] = {
        each.name: each.annotation for each in declared if is_dataclass(each.annotation)
    }
    own = list(_expanded(declared))
    shared = list(signature(_shared_options, eval_str=True).parameters.values())
    taken = {parameter.name for parameter in own}

    def run(**values: Any) -> int:
        common = {each.name: values.pop(each.name) for each in shared if each.name not in taken}
        output = common.pop("output", None)
        flags = Flags(server_url=common.pop("server", None), **common)
        started = Run(flags, output)
        for parameter, kind in objects.items():
            values[parameter] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        try:
            return function(started, **values) or 0
        except KeyboardInterrupt:
            if changes:
                started.say(started.what_was_done())
            raise

    options = [each for each in shared if each.name not in taken]
    vars(run)["__signature__"] = Signature(
        [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*own, *options)]
    )
    group.command(name, help=function.__doc__, context_settings=HELP)(run)


def _expanded(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    for each in parameters:
        if is_dataclass(each.annotation):
            for field in fields(each.annotation):
                yield Parameter(
                    field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
                )
        else:
            yield each


def command_group(help: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(help=help, add_completion=False, rich_markup_mode=None, context_settings=HELP)
