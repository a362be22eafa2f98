"""One invocation of the program: its output, its settings and its API client, each built when first needed."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO
from urllib.parse import urlencode

from ambassador_admin.api.request import Request
from ambassador_admin.confirm import Terminal
from ambassador_admin.context.secrets import check_key, resolve
from ambassador_admin.context.settings import (
    GlobalOptions,
    Settings,
    resolve_colour,
    resolve_format,
    resolve_settings,
)
from ambassador_admin.context.store import Context, ContextStore
from ambassador_admin.directories import config_directory
from ambassador_admin.errors import NoCredentialsError, UsageError
from ambassador_admin.output import Format, Output, Style, View
from ambassador_admin.output.formats import json_document
from ambassador_admin.output.text import printable
from ambassador_client.account.client_certificate import (
    CERT_VARIABLE,
    CertificatePlace,
    presented_certificate,
)
from ambassador_client.account.credentials import ADD_KEYRING, NO_KEYRING, CredentialStore, lacks_keyring
from ambassador_protocol.references import parse_reference

if TYPE_CHECKING:
    from ambassador_admin.api.client import ApiClient

NOTHING_CHANGED = "Interrupted; nothing was changed."
_ID_LENGTH = 36  # of a UUID in its usual form


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The environment variables, standard streams and clock of the process; tests replace them."""

    variables: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    now: Callable[[], datetime]

    @classmethod
    def real(cls) -> Self:
        """Return the environment of this process."""
        return cls(
            variables=os.environ,
            stdin=sys.stdin,
            stdout=sys.stdout,
            stderr=sys.stderr,
            now=lambda: datetime.now(UTC),
        )


class Invocation:
    """One invocation of a command, with its options and its environment; `changes` tells what kind of command."""

    def __init__(self, options: GlobalOptions, environment: Environment, *, changes: bool = False) -> None:
        self.options = options
        self._changes = changes
        self.environment = environment
        self.terminal = Terminal(environment.stdin, environment.stderr)
        self._clients: list[ApiClient] = []

    def __enter__(self) -> Self:
        """Return the invocation itself; raises UsageError for an invalid --jq, before anything is sent."""
        if self.options.jq is not None:
            _ = self.output
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the connections to the server; after Ctrl-C, say what a command that changes something has done."""
        for client in self._clients:
            client.close()
        if kind is KeyboardInterrupt:
            if self.environment.stderr.isatty():
                self.environment.stderr.write("\n")  # ends the line with ^C
            if self._changes:
                self.output.say(self._what_was_done())

    def _what_was_done(self) -> str:
        unanswered = next((client.unanswered for client in self._clients if client.unanswered), None)
        done = sum(client.changes for client in self._clients)
        if unanswered is not None:
            also = f" {done} before it were made." if done else ""
            return f"Interrupted before the answer to {unanswered}: that change may have been made, or not.{also}"
        return f"Interrupted; {done} of the changes were made and stay." if done else NOTHING_CHANGED

    @cached_property
    def output(self) -> Output:
        """The output, in the format that was asked for."""
        options, environment = self.options, self.environment
        style = Style(
            format=resolve_format(options, environment.variables)[0],
            fields=None if options.fields is None else _field_names(options.fields),
            jq=options.jq,
            headers=not options.no_headers,
            quiet=options.quiet,
            colour=resolve_colour(options, environment.variables)[0],
        )
        return Output(environment.stdout, environment.stderr, style, now=environment.now)

    @cached_property
    def contexts(self) -> ContextStore:
        """The stored contexts of this user."""
        return ContextStore(self._directory)

    @cached_property
    def credentials(self) -> CredentialStore:
        """The stored admin keys of this user, by context."""
        return CredentialStore(self._directory)

    @cached_property
    def settings(self) -> Settings:
        """The settings of this invocation."""
        return resolve_settings(self.options, self.environment.variables, self.contexts)

    @cached_property
    def api(self) -> "ApiClient":
        """The client of this invocation's server."""
        return self._own_client(self._key)

    @cached_property
    def api_without_keyring(self) -> "ApiClient":
        """The client of this invocation's server, without keys from the keyring, which could open a dialogue."""

        def key() -> str | None:
            return self._find_key(self.credentials.get_from_file)

        return self._own_client(key)

    def _own_client(self, key: Callable[[], str | None]) -> "ApiClient":
        found = self.settings
        return self.connect(found.server, ca_file=found.ca_file, key=key, certificate=found.certificate)

    def connect(
        self,
        server: str,
        *,
        ca_file: Path | None,
        key: Callable[[], str | None] = lambda: None,
        unverified: bool = False,
        certificate: CertificatePlace | None = None,
    ) -> "ApiClient":
        """Return a client of any server; `unverified` accepts every certificate.

        It presents the client certificate at this place, else the one that variables name, which --context overrides.
        """
        # Not above: importing the HTTP library is slow, and not every command sends a request.
        from ambassador_admin.api.client import ApiClient  # noqa: PLC0415
        from ambassador_client.account.tls import ssl_context  # noqa: PLC0415

        tls = presented = None
        if server.startswith("https:"):
            tls = ssl_context(ca_file=ca_file, allow_self_signed=unverified)
        is_ignored = certificate is None and self.options.context is not None
        if tls is not None and not (unverified or is_ignored):  # nothing is proved to a server not verified
            presented = presented_certificate(certificate, self.environment.variables, tls)
        client = ApiClient(server, key=key, tls=tls, has_certificate=presented is not None)
        self._clients.append(client)
        return client

    def show_list(self, request: Request, view: View, *, limit: int | None = None) -> None:
        """Fetch and show a list, at most `limit` items of it; say if there are more."""
        answers: list[Mapping[str, Any]] = []
        self.output.rows(view, self.api.items(request, limit=limit, notice=answers.append))
        total = answers[0].get("total") if answers else None
        if limit is not None and isinstance(total, int) and total > limit:
            self.output.say(f"The first {limit} of {total} {view.plural}; --limit shows more.")

    def show_one(self, request: Request, view: View) -> None:
        """Fetch and show one object."""
        self.output.record(view, self.api.fetch(request))

    def resolve_id(self, listing: Request, given: str) -> str:
        """Return the one id in the listing that begins with `given`.

        A whole id, or a text that no id begins with, is returned unchanged, so that the server answers for it. Raises
        UsageError when several ids begin with it, and when it is not an id but the name of an item.
        """
        if not given:
            raise UsageError("The id is empty.")
        if len(given) >= _ID_LENGTH:
            return given
        items = list(self.api.items(listing))
        matches = [each for each in (str(item.get("id")) for item in items) if each.startswith(given)]
        named = [item for item in items if not matches and item.get("name") == given]
        if named:
            raise UsageError(f"{given!r} is a name, not an id.", hint=f"ids of that name: {_ids(named)}")
        if given in matches or not matches:
            return given
        if len(matches) > 1:
            raise UsageError(
                f"Several ids begin with {given!r}.", hint=f"one of {', '.join(sorted(matches)[:5])}"
            )
        return matches[0]

    def resolve_ids(self, listing: Request, given: Sequence[str]) -> list[str]:
        """Return the ids in the listing that begin with these texts, as `resolve_id` does."""
        return [self.resolve_id(listing, each) for each in given]

    def submit(self, request: Request, view: View) -> dict[str, Any] | None:
        """Send a change, show and return the changed object; a dry run shows the request and returns None."""
        changed = self.send_change(request, view)
        if changed is not None:
            self.output.record(view, changed)
        return changed

    def send_change(self, request: Request, view: View) -> dict[str, Any] | None:
        """Send a change and return the changed object; a dry run shows the request and returns None."""
        if self.options.dry_run:
            self.dry_run(request)
            return None
        if self.output.fields is not None:
            view.check_fields(self.output.fields, [])  # before the change is made
        return self.api.fetch(request)

    def send_and_say(self, request: Request, done: str) -> None:
        """Send a change whose answer is empty and say `done`; a dry run shows the request."""
        if self.options.dry_run:
            self.dry_run(request)
            return
        self.api.send(request)
        self.output.say(done)

    def skips_in_dry_run(self, change: str) -> bool:
        """Tell whether this is a dry run; if so, say which change on this machine it skips."""
        if self.options.dry_run:
            self.output.say(f"Dry run: would {change}.")
        return self.options.dry_run

    def confirm(self, question: str) -> None:
        """Ask the question and return if the user agrees; a dry run does not ask."""
        if not self.options.dry_run:
            self.terminal.confirm(printable(question), yes=self.options.yes)

    def describe_key_source(self) -> str | None:
        """Return a description of where the admin key is stored, None without one; never the key itself."""
        settings = self.settings
        if settings.key_reference is not None:
            is_reference = parse_reference(settings.key_reference) is not None
            return settings.key_reference if is_reference else "the variable itself"
        return None if settings.context is None else self.credentials.describe(settings.context.name)

    def describe_certificate(self) -> str | None:
        """Return the file of the client certificate, None without one."""
        place = self.settings.certificate
        variables = self.environment.variables if self.options.context is None else {}
        return variables.get(CERT_VARIABLE) if place is None else place.cert_file

    def forget_key(self, name: str) -> bool:
        """Delete the key of a context; return False when none was found, after saying where one may be left."""
        found = self.credentials.delete(name)
        if not found and lacks_keyring():
            self.output.say(f"There is no key file of context {name!r}. {NO_KEYRING}")
        return found

    def dry_run(self, request: Request) -> None:
        """Show a change without making it, and let the server check it.

        Raises the error of a change that the server would refuse.
        """
        self.preview(request)
        answer = self.api.fetch(request.as_dry_run())
        for warning in answer.get("warnings", []):
            self.output.warn(warning)
        if answer.get("changes"):
            self.output.say("Dry run: the server would accept this; nothing was changed.")
        else:
            self.output.say("Dry run: the server would accept this, and it would change nothing.")

    def preview(self, request: Request) -> None:
        """Show a change without sending it."""
        shown = request.body if request.shown is None else request.shown
        path = f"{request.path}?{urlencode(request.query, doseq=True)}" if request.query else request.path
        if self.output.format in (Format.JSON, Format.YAML, Format.JSONL):
            self.output.document({"method": request.method, "path": path, "body": shown})
        else:
            body = "" if shown is None else f"\n{json_document(shown)}"
            self.output.write(f"{request.method} {path}{body}")

    def _key(self) -> str | None:
        key, context = self._find_key(self.credentials.get), self.settings.context
        if key is None and context is not None and context.certificate is None and lacks_keyring():
            raise NoCredentialsError(
                f"There is no key file of context {context.name!r}, and the keyring needs its library.",
                hint=f"{ADD_KEYRING}, or ambassador-admin login {context.server}",
            )
        return key

    def _find_key(self, read_stored: Callable[[str], str | None]) -> str | None:
        settings = self.settings
        if settings.key_reference is not None:
            return check_key(resolve(settings.key_reference, self.environment.variables))
        stored = None if settings.context is None else read_stored(settings.context.name)
        # Read after the key: another login may have replaced both, and no server is sent the key of another.
        if settings.context is not None:
            _refuse_moved(settings.context, self.contexts.find(settings.context.name))
        return None if stored is None else check_key(stored)

    @cached_property
    def _directory(self) -> Path:
        return config_directory(self.environment.variables)


def _refuse_moved(before: Context, now: Context | None) -> None:
    """Raise NoCredentialsError if the context is that of another server now."""
    if now is not None and now.server != before.server:
        raise NoCredentialsError(
            f"Context {now.name!r} is for {now.server} now, no longer for {before.server}.",
            hint="run the command again",
        )


def _ids(items: list[dict[str, Any]]) -> str:
    """Return the first ids, each with its user if it has one."""
    return ", ".join(
        f"{item.get('id')} ({item['user']})" if item.get("user") else str(item.get("id"))
        for item in items[:5]
    )


def _field_names(fields: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in fields.split(",") if name.strip()))
    if not names:
        raise UsageError("--fields names no field.", hint="--fields name,status")
    return names
