"""Issues a secret and shows it, writes it to a new file, or passes it to a command."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Protocol, Self

import typer

from ambassador_admin.api.request import Request, quoted
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, BadAnswerError, ConflictError, ReaderGoneError, UsageError
from ambassador_admin.output import Format, Item, View
from ambassador_admin.secret_command import SecretCommand

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="Write the key to this new file, with mode 0600, and do not show it.",
    ),
]
ToCommand = Annotated[
    str | None,
    typer.Option(
        "--to-command",
        metavar="CMD",
        help="Pass the key to this command on its standard input instead of showing it. No shell is used. "
        "If the command fails, the key is revoked.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKind:
    """A kind of secret that the server issues.

    In an answer, the member `field` is the secret, and the member `key` describes it; the member `handle` of `key`
    identifies it. `noun` is that of its commands, `advice` what the administrator should do with it, and `revoke`
    builds the request that revokes the one with a handle.
    """

    noun: str
    field: str
    handle: str
    advice: str
    described: View
    issued: View
    revoke: Callable[[str], Request]

    def secret_in(self, issued: Item) -> str:
        """Return the secret in an answer; raises BadAnswerError."""
        secret = issued.get(self.field)
        if not isinstance(secret, str) or not secret.isprintable():
            raise BadAnswerError("The server issued a key, but did not return it.", hint=self.list_command)
        return secret

    def handle_of(self, issued: Item) -> str:
        """Return what identifies the key in commands: its name or its id."""
        return str(_key_of(issued).get(self.handle))

    @property
    def list_command(self) -> str:
        """Return the command that lists the keys."""
        return f"ambassador-admin {self.noun} list"

    def revoke_command(self, issued: Item) -> str:
        """Return the command that revokes the key."""
        return f"ambassador-admin {self.noun} revoke {quoted(self.handle_of(issued))}"


def issue_secret(
    admin: Invocation,
    request: Request,
    kind: SecretKind,
    key_file: Path | None,
    to_command: str | None = None,
    *,
    may_exist: bool = False,
) -> None:
    """Send the request and deliver the secret in its answer; with `may_exist`, the answer need not have one."""
    with _destination(admin, kind, key_file, to_command) as destination:
        issued = admin.send_change(request, destination.view)
        if issued is None:
            return
        if may_exist and issued.get(kind.field) is None:
            _show_existing(admin, issued, kind, destination.view)
        else:
            destination.deliver(issued)


class _Destination(Protocol):
    """Where a secret goes; it is prepared before the secret is issued, and cleaned up when none was."""

    view: View

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

    def deliver(self, issued: Item) -> None:
        """Deliver the secret in an answer."""
        ...


def _destination(
    admin: Invocation, kind: SecretKind, key_file: Path | None, to_command: str | None
) -> _Destination:
    if key_file is not None and to_command is not None:
        raise UsageError("--key-file and --to-command exclude each other.")
    if admin.options.dry_run or (key_file is None and to_command is None):
        return _StandardOutput(admin, kind)
    return (
        _NewFile(admin, kind, key_file)
        if key_file is not None
        else _ExternalCommand(admin, kind, to_command or "")
    )


def _key_of(issued: Item) -> Item:
    key = issued.get("key")
    return key if isinstance(key, dict) else {}


def _show_existing(admin: Invocation, issued: Item, kind: SecretKind, view: View) -> None:
    if view is kind.described:
        admin.output.record(view, _key_of(issued))
    elif _is_for_program(admin):
        admin.output.record(view, issued)
    admin.output.say(
        f"A valid key exists already ({kind.handle} {kind.handle_of(issued)}); no key was issued."
    )


def show_secret(admin: Invocation, view: View, item: Item, secret: str, advice: str) -> None:
    """Show an item with a secret; in a table format, only the secret on stdout and the advice on stderr."""
    if _is_for_program(admin):
        admin.output.record(view, item)
        return
    # Alone on stdout, so that a script can use it directly.
    admin.output.write(secret)
    admin.output.advise(advice)


def _is_for_program(admin: Invocation) -> bool:
    return admin.output.fields is not None or admin.output.format not in (
        Format.TABLE,
        Format.WIDE,
        Format.NAME,
    )


class _StandardOutput:
    """Standard output: the secret alone, or the whole answer in a format for programs."""

    def __init__(self, admin: Invocation, kind: SecretKind) -> None:
        self._admin = admin
        self._kind = kind
        self.view = kind.issued

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def deliver(self, issued: Item) -> None:
        """Show the secret; raises AdminError if the output is closed."""
        try:
            self._show(issued)
        except ReaderGoneError:
            raise AdminError(
                "A key was issued and is lost, because the output was closed.",
                hint=self._kind.revoke_command(issued),
            ) from None

    def _show(self, issued: Item) -> None:
        kind = self._kind
        advice = (
            f"Above is the key ({kind.handle} {kind.handle_of(issued)}). "
            f"It is not shown again and cannot be recovered: {kind.advice}"
        )
        show_secret(self._admin, kind.issued, issued, kind.secret_in(issued), advice)


class _NewFile:
    """A new file, which is created before the key is issued, and removed if none is."""

    def __init__(self, admin: Invocation, kind: SecretKind, path: Path) -> None:
        self._admin = admin
        self._kind = kind
        self._path = path
        self._written = False
        self.view = kind.described

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConflictError(f"{self._path} exists already.", hint="name another --key-file") from None
        except OSError as error:
            raise AdminError(f"{self._path} cannot be written: {error.strerror}.") from None
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if not self._written:
            self._path.unlink(missing_ok=True)

    def deliver(self, issued: Item) -> None:
        """Write the secret and a line feed, and show the key that it belongs to."""
        try:
            os.write(self._descriptor, f"{self._kind.secret_in(issued)}\n".encode())
            os.fsync(self._descriptor)
        except OSError as error:
            raise AdminError(
                f"{self._path} cannot be written: {error.strerror}. A key was issued and is lost.",
                hint=f"{self._kind.list_command}, then {self._kind.noun} revoke",
            ) from None
        self._written = True
        self._admin.output.record(self.view, _key_of(issued))
        self._admin.output.say(f"The key is in {self._path}; only you can read it.")


class _ExternalCommand:
    """A command that reads the secret from its standard input; if it fails, the key is revoked."""

    def __init__(self, admin: Invocation, kind: SecretKind, command: str) -> None:
        self._admin = admin
        self._kind = kind
        self._command = SecretCommand("--to-command", command, admin.environment.variables)
        self.view = kind.described

    def __enter__(self) -> Self:
        self._command.check()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def deliver(self, issued: Item) -> None:
        """Run the command with the secret and a line feed; raises AdminError when it fails."""
        secret = self._kind.secret_in(issued)
        try:
            failure = self._command.run(secret)
        except BaseException:
            self._revoke(issued)
            raise
        if failure is not None:
            self._revoke(issued)
            raise AdminError(f"{self._command.program!r} {failure}. The key is revoked.")
        self._admin.output.record(self.view, _key_of(issued))
        self._admin.output.say(f"The key was passed to {self._command.program!r}.")

    def _revoke(self, issued: Item) -> None:
        try:
            self._admin.api.send(self._kind.revoke(self._kind.handle_of(issued)))
        except AdminError as error:
            raise AdminError(
                f"The key could be neither delivered nor revoked: {error.message}",
                hint=self._kind.revoke_command(issued),
            ) from error
