"""The options of `login`: an admin key, or a user with a password."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ambassador_admin.api import account, server
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.secrets import check_key, read_key, read_password
from ambassador_admin.errors import BadAnswerError, UsageError
from ambassador_admin.output import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """The credentials for a login."""

    key_from: Annotated[
        str | None,
        typer.Option(
            "--key-from",
            metavar="SOURCE",
            help="The admin key: env://NAME, file://PATH or - for stdin; else a prompt.",
        ),
    ] = None
    user: Annotated[
        str | None,
        typer.Option(
            "--user", metavar="NAME", help="Log in with this user's password instead of an admin key."
        ),
    ] = None
    password_from: Annotated[
        str | None,
        typer.Option(
            "--password-from",
            metavar="SOURCE",
            help="The password: env://NAME, file://PATH or - for stdin; else a prompt.",
        ),
    ] = None

    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the context even if it is of another server, user or key."),
    ] = False

    def check(self) -> None:
        """Raise UsageError for options that exclude each other."""
        if self.user is None and self.password_from is not None:
            raise UsageError("--password-from goes with --user.")
        if self.user is not None and self.key_from is not None:
            raise UsageError("--key-from and --user exclude each other.")

    def obtain_key(self, admin: Invocation, address: str, ca_file: Path | None) -> tuple[str, Item]:
        """Return a valid admin key and its `whoami` answer; with a password, the key of a new login."""
        environment = admin.environment
        if self.user is None:
            key = read_key(
                self.key_from,
                environ=environment.variables,
                stdin=environment.stdin,
                prompt=admin.terminal.read_secret,
            )
            return key, admin.connect(address, ca_file=ca_file, key=lambda: key).fetch(server.whoami())
        password = read_password(
            self.password_from,
            self.user,
            environ=environment.variables,
            stdin=environment.stdin,
            prompt=admin.terminal.read_secret,
        )
        opened = admin.connect(address, ca_file=ca_file).fetch_without_key(account.login(self.user, password))
        secret, who = opened.get("admin_key"), opened.get("who")
        if not isinstance(secret, str) or not isinstance(who, dict):
            raise BadAnswerError("The server opened a login, but did not return its key.")
        return check_key(secret), who
