"""`doctor`: looks at everything between this machine and the tools, in order, and says what mends it."""

import os
import shutil
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from ambassador_client.account.session_cache import Slot, sessions_directory
from ambassador_client.account.settings import Credential, Settings, load_settings
from ambassador_client.account.trust import context_for
from ambassador_client.account.tunnel import Tunnel, tunnel_to
from ambassador_client.cli.command import Run
from ambassador_client.cli.hosts import statuses
from ambassador_client.cli.output import Format, show_rows
from ambassador_client.errors import (
    ClientError,
    NoCredentialsError,
    ServerRefusedError,
    SettingsError,
    UnreachableError,
    one_line,
)
from ambassador_protocol import __version__
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT, HEALTH, ME, READY

_SECONDS = 10.0
_SOON = timedelta(days=7)
_MOST_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found; `code` is that of `errors show`, `fix` is empty where nothing is to do."""

    check: str
    status: str
    cause: str
    code: str = ""
    fix: str = ""
    exit_code: int = 0


class Hint(Exception):
    """What is odd and hinders nothing, and what mends it."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.cause, self.fix = cause, fix


class Examination:
    """The checks of one run; `mend` allows those changes that cannot do harm."""

    def __init__(self, run: Run, *, mend: bool) -> None:
        self._run = run
        self._mend = mend
        self._me: dict[str, Any] = {}

    def findings(self) -> Iterator[Finding]:
        """Yield what each check found; after one that makes the rest meaningless, the rest is skipped."""
        checks: list[tuple[str, Callable[[], str], bool]] = [
            ("executable", self._executable, False),
            ("configuration", self._configuration, True),
            ("files", self._files, False),
            ("key", self._key, False),
            ("proxy", self._proxy, False),
            ("address", self._address, True),
            ("connection", self._connection, True),
            ("certificate", self._certificate, True),
            ("server", self._server, True),
            ("clock", self._clock, False),
            ("session", self._session, True),
            ("tools", self._tools, False),
            ("old sessions", self._old_sessions, False),
            ("applications", self._applications, False),
        ]
        stopped_by = ""
        for name, check, essential in checks:
            if stopped_by and name != "applications":
                yield Finding(check=name, status="skipped", cause=f"{stopped_by} comes first")
                continue
            finding = _found(name, check)
            yield finding
            if essential and finding.status == "failed":
                stopped_by = name

    @cached_property
    def _settings(self) -> Settings:
        try:
            return self._run.settings
        except NoCredentialsError as error:
            # What is between us and the server can be looked at without a key.
            keyless = {**os.environ, "MCP_AMBASSADOR_PRESHARED_KEY": "none"}
            missing = error

            def reveal() -> str:
                raise missing

            settings = load_settings(self._run.flags, keyless)
            return replace(settings, credential=Credential("", "nowhere", reveal))

    @cached_property
    def _tunnel(self) -> Tunnel | None:
        return tunnel_to(self._settings.server_url, os.environ)

    @cached_property
    def _place(self) -> tuple[str, int]:
        """Return where the first connection goes: to the proxy, or to the server."""
        if self._tunnel is not None:
            return self._tunnel.proxy_host, self._tunnel.proxy_port
        parts = urlsplit(self._settings.server_url)
        return parts.hostname or "", parts.port or DEFAULT_CLIENT_PORT

    def _dial(self) -> socket.socket:
        if self._tunnel is not None:
            return self._tunnel.dial(_SECONDS)
        return socket.create_connection(self._place, timeout=_SECONDS)

    def _executable(self) -> str:
        found = shutil.which("ambassador-client")
        if found is None:
            raise Hint(
                "ambassador-client is not on the PATH, so applications do not find it by its name",
                f"Add {Path(sys.executable).parent} to the PATH, or install with the whole path.",
            )
        return f"{found}, version {__version__}"

    def _configuration(self) -> str:
        settings = self._settings
        account = "no account" if settings.account is None else f"account {settings.account.name}"
        return f"{settings.server_url}, {account}"

    def _files(self) -> str:
        directory = self._run.book.directory
        open_ones = [path for path in _private(directory) if path.stat().st_mode & 0o077]
        if sys.platform == "win32" or not open_ones:
            return f"what is in {directory} is yours alone"
        if not self._mend:
            raise SettingsError(f"others can read {open_ones[0]}", "Run: ambassador-client doctor --fix")
        for path in open_ones:
            path.chmod(0o700 if path.is_dir() else 0o600)
        return f"{len(open_ones)} file(s) were open to others and are not any more"

    def _key(self) -> str:
        self._settings.preshared_key  # noqa: B018 - whether it can be had is the question
        account = self._settings.account
        expires = None if account is None else _moment(account.key_expires_at)
        if expires is not None and expires - datetime.now(UTC) < _SOON:
            raise Hint(f"the key ends on {expires:%Y-%m-%d}", "Run: ambassador-client key rotate")
        return f"from {self._settings.credential.place}"

    def _proxy(self) -> str:
        return (
            "none is used" if self._tunnel is None else f"the server is reached through {self._tunnel.proxy}"
        )

    def _address(self) -> str:
        host, port = self._place
        try:
            found = {each[4][0] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError) as error:
            raise UnreachableError(
                f"the host name {host} is not known", "Check the address and the network, or a VPN."
            ) from error
        return f"{host} is {', '.join(sorted(map(str, found)))}"

    def _connection(self) -> str:
        host, port = self._place
        try:
            socket.create_connection((host, port), timeout=_SECONDS).close()
        except OSError as error:
            raise UnreachableError(
                f"cannot reach {host}:{port} : {(error.strerror or str(error)).lower()}",
                "Is the server running? Does a firewall stand between?",
            ) from error
        return f"{host}:{port} answers"

    def _certificate(self) -> str:
        context = context_for(self._settings, None if self._tunnel is None else self._tunnel.dial)
        if context is None:
            return "none: without TLS, on this machine only"
        if self._settings.allow_self_signed:
            raise Hint(
                "any certificate is believed: the server could be anyone", "Give a CA file or a fingerprint."
            )
        host = urlsplit(self._settings.server_url).hostname
        try:
            with (
                self._dial() as plain,
                context.wrap_socket(plain, server_hostname=host) as sealed,
            ):
                told = sealed.getpeercert() or {}
                return f"trusted until {told.get('notAfter', 'an unknown day')}, {sealed.version()}"
        except ssl.SSLCertVerificationError as error:
            raise _untrusted(self._settings.server_url, error) from error
        except OSError as error:
            raise UnreachableError(
                f"TLS with {host} failed: {error}", "Is it the port of the server?"
            ) from error

    def _server(self) -> str:
        server = self._run.connect(self._settings, None)
        if server.ask("GET", HEALTH).get("status") != "ok":
            raise UnreachableError(f"{server.url} is not well", "Tell your administrator.")
        try:
            server.ask("GET", READY)
        except ServerRefusedError as error:
            raise Hint(
                "the server runs but is not ready for calls", "Try again soon; tell your administrator."
            ) from error
        return "well and ready"

    def _clock(self) -> str:
        said = self._run.connect(self._settings, None).date(HEALTH)
        if said is None:
            return "the server does not tell the time"
        skew = abs(parsedate_to_datetime(said) - datetime.now(UTC))
        if skew > _MOST_SKEW:
            raise Hint(
                f"this machine and the server are {skew} apart", "Let the clock be set by the network."
            )
        return f"within {skew.total_seconds():.0f} s of the server"

    def _session(self) -> str:
        session = self._run.connect(self._settings, None).register(self._settings.identity)
        server = self._run.connect(self._settings, session.session_token)
        try:
            self._me = server.ask("GET", ME)
        finally:
            with suppress(ClientError):
                server.disconnect(session)
        version = self._me.get("server_version")
        if version != __version__:
            raise Hint(
                f"the server is {version}, this client {__version__}", "Bring both to the same version."
            )
        return f"you are {self._me.get('user')}, by key {(self._me.get('key') or {}).get('name')}"

    def _tools(self) -> str:
        if (refused := self._me.get("refused")) is not None:
            raise Hint(f"nothing is permitted now: {refused}", "Ask your administrator.")
        if not self._me.get("tools"):
            raise Hint(
                "there is no tool for you", "Run ambassador-client catalog list, or ask your administrator."
            )
        return f"{self._me['tools']} tools"

    def _old_sessions(self) -> str:
        settings = self._settings
        slots, held = Slot.left_behind(sessions_directory(), settings.server_url, settings.credential.label)
        stale = [slot for slot in slots if self._is_stale(slot)]
        for slot in stale if self._mend else []:
            slot.clear()
        for slot in slots:
            slot.release()
        if stale and not self._mend:
            raise Hint(
                f"{len(stale)} cached session(s) are worth nothing any more",
                "Run: ambassador-client doctor --fix",
            )
        return f"{held} in use, {len(slots) - len(stale)} kept, {len(stale)} cleared"

    def _is_stale(self, slot: Slot) -> bool:
        if (session := slot.load()) is None:
            return False
        try:
            self._run.connect(self._settings, session.session_token).ask("GET", ME)
        except ServerRefusedError as error:
            return error.status == 401
        return False

    def _applications(self) -> str:
        there = [each for each in statuses() if each.installed]
        drifted = [each for each in there if each.configured in ("drifted", "unknown")]
        if drifted:
            raise Hint(
                f"{drifted[0].title}: {drifted[0].detail}",
                f"Run: ambassador-client install {drifted[0].name}",
            )
        entered = [each.title for each in there if each.configured == "yes"]
        if not entered:
            raise Hint("no application starts this client", "Run: ambassador-client install --all")
        return ", ".join(entered)


def doctor(
    run: Run,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what cannot do harm: file modes, worthless cached sessions.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> int:
    """Look at everything between this machine and your tools, in order, and say what mends it.

    The exit code is that of the first check that failed; a warning hinders nothing.

    Example: ambassador-client doctor
    """
    findings = list(Examination(run, mend=fix).findings())
    if as_json or run.output is Format.JSON:
        show_rows([_view(each) for each in findings], Format.JSON)
    else:
        for each in findings:
            sys.stdout.write(f"{each.status:<8} {one_line(f'{each.check}: {each.cause}')}\n")
            if each.fix:
                sys.stdout.write(f"         {one_line(f'{each.code} {each.fix}'.strip())}\n")
    return next((each.exit_code for each in findings if each.status == "failed"), 0)


def _view(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "status": finding.status,
        "code": finding.code or None,
        "cause": finding.cause,
        "fix": finding.fix or None,
    }


def _found(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(check=name, status="ok", cause=check())
    except Hint as hint:
        return Finding(check=name, status="warning", cause=hint.cause, fix=hint.fix)
    except ClientError as error:
        return Finding(
            check=name,
            status="failed",
            cause=error.cause,
            code=error.code,
            fix=error.next_step,
            exit_code=error.exit_code,
        )


def _private(directory: Path) -> list[Path]:
    return [directory, *sorted(directory.iterdir())] if directory.is_dir() else []


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None


def _untrusted(url: str, error: ssl.SSLCertVerificationError) -> ClientError:
    from ambassador_client.errors import UntrustedCertificateError

    if error.verify_code in (9, 10):  # not yet valid, expired
        return UntrustedCertificateError(
            f"the certificate of {url} is not valid at this time: {error.verify_message}",
            f"Is the clock right? It says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. If so, tell your administrator.",
        )
    return UntrustedCertificateError(
        f"the certificate of {url} is not trusted: {error.verify_message}",
        "Log in with --fingerprint, or name the CA with --ca-file.",
    )
