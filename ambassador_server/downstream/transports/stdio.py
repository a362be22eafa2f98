"""Transport `stdio`: the downstream is a child process that reads and writes MCP messages as lines."""

import asyncio
import itertools
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ambassador_protocol.json_text import on_one_line
from ambassador_protocol.line_splitter import Line, LineSplitter, LongLine
from ambassador_server.domain.catalog.credential_needs import CredentialNeeds
from ambassador_server.downstream.child_process import ChildProcess, find_program
from ambassador_server.downstream.lent_credential import longest_secret
from ambassador_server.downstream.options import check_reference, parse_options, resolve_reference
from ambassador_server.downstream.output_ring import OutputRing, shortened
from ambassador_server.downstream.programs.allowed import check_command
from ambassador_server.downstream.programs.declared_credentials import check_credentials_of_program
from ambassador_server.downstream.programs.plan import MARK, Launch, ProgramLimits, SandboxOptions
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.sandboxes import check_sandbox, choose, load
from ambassador_server.downstream.transport import UNCANCELLABLE, Hooks
from ambassador_server.downstream.wire.first_line import answers_in
from ambassador_server.downstream.wire.incoming_lines import IncomingLines
from ambassador_server.downstream.wire.messages import (
    LARGEST_MESSAGE,
    Message,
    encode_cancelled,
    encode_notification,
    encode_request,
)
from ambassador_server.downstream.wire.pending_requests import PendingRequests
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import Ask, Reply, Tell

# The server's environment holds its own settings and secrets, so a child inherits these variables only.
_INHERITED = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM"})
_INHERITED_PREFIX = "LC_"
GRACE_SECONDS = 2.0
_LARGEST_ERROR_LINE = 8 * 1024

_MAX_ERROR_CHARACTERS = 300
# A line with this is a message, if a malformed or unfinished one, and may have data of a user.
_MESSAGE = b'"jsonrpc"'
_HIDDEN = b"(a message that is not MCP)"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is a program or a whole argv; `env` values may be `env://NAME` or `file:///path`."""

    command: str | list[str]
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    sandbox: SandboxOptions = SandboxOptions()
    limits: ProgramLimits = ProgramLimits()

    @property
    def argv(self) -> list[str]:
        """Return the whole command line."""
        head = [self.command] if isinstance(self.command, str) else self.command
        return [*head, *self.args]


def check(options: Mapping[str, Any], programs: ProgramSettings) -> None:
    """Raise InvalidInputError for an invalid option, and for what the server's settings refuse."""
    parsed = _read(options)
    _check_settings(parsed, programs)


def check_credentials(options: Mapping[str, Any], needs: CredentialNeeds) -> None:
    """Raise InvalidInputError for a credential that a program cannot take."""
    check_credentials_of_program(needs, _read(options).env)


def starts_program() -> bool:
    """Return True: each connection is a process."""
    return True


def sandbox(options: Mapping[str, Any], programs: ProgramSettings) -> str | None:
    """Return the sandbox that would hold the program; raises DownstreamUnavailableError if none can."""
    return choose(_read(options).sandbox, programs)


def build(options: Mapping[str, Any], hooks: Hooks) -> "StdioTransport":
    """Return the transport; `open` starts the program."""
    return StdioTransport(_read(options), hooks)


def _check_settings(options: Options, programs: ProgramSettings) -> None:
    """Raise InvalidInputError for what the server's settings refuse."""
    check_command(options.argv, options.env, options.cwd, programs.allowed_commands)
    check_sandbox(options.sandbox, programs)


def _read(options: Mapping[str, Any]) -> Options:
    parsed = parse_options("stdio", options, Options)
    if not parsed.argv or not parsed.argv[0].strip():
        raise InvalidInputError("Option 'command' of transport 'stdio' is empty.")
    if any("\0" in text for text in [*parsed.argv, *parsed.env, *parsed.env.values(), parsed.cwd or ""]):
        raise InvalidInputError("Options of transport 'stdio' may not hold a NUL character.")
    for name, value in parsed.env.items():
        if not name or "=" in name:
            raise InvalidInputError(f"Option 'env' of transport 'stdio': {name!r} is not a variable name.")
        check_reference(value)
    parsed.limits.check()
    return parsed


class StdioTransport:
    """A child process and the requests that wait for its answers."""

    mirrors_headers = False
    carries_modern_era = True
    keeps_sessions = False

    def __init__(self, options: Options, hooks: Hooks) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._options = options
        self._hooks = hooks
        self._child: ChildProcess | None = None
        self._numbers = itertools.count(1)
        self._pending = PendingRequests()
        longest = longest_secret(hooks.credential)
        self._other_output = OutputRing(hooks.mask, longest_secret=longest)
        self._error_output = OutputRing(hooks.mask, longest_secret=longest)
        self._lines = LineSplitter(LARGEST_MESSAGE)
        self._incoming = IncomingLines(self._handle_line, self._hold_output)
        self._error_lines = LineSplitter(_LARGEST_ERROR_LINE)

    async def open(self) -> None:
        """Start the program."""
        options = self._options
        env = {name: value for name, value in os.environ.items() if _is_inherited(name)}
        env.update({name: await resolve_reference(value) for name, value in options.env.items()})
        credential = self._hooks.credential
        if credential is not None:
            env.update(credential.environment)
        launch = self._launch(env, () if credential is None else credential.arguments)
        wrapped = load(choose(options.sandbox, launch.settings)).wrap(launch)
        self._child = await ChildProcess.start(
            wrapped.argv(options.limits),
            env=wrapped.env,
            cwd=options.cwd,
            output=self._read,
            errors=self._read_errors,
            grace=GRACE_SECONDS,
        )
        self._child.ended.add_done_callback(self._child_ended)

    def _launch(self, env: dict[str, str], more_arguments: Sequence[str]) -> Launch:
        options, programs = self._options, self._hooks.programs
        try:
            _check_settings(options, programs)
        except InvalidInputError as error:
            # Not final: the catalog may have been written under another setting.
            raise DownstreamUnavailableError(error.message) from None
        if programs.server_id is not None:
            env[MARK] = programs.server_id
        return Launch(
            program=find_program(options.argv[0], env, options.cwd),
            args=[*options.argv[1:], *more_arguments],
            env=env,
            cwd=options.cwd,
            sandbox=options.sandbox,
            settings=programs,
        )

    def use_version(self, version: str) -> None:
        """Do nothing: over a pipe no header repeats the version."""

    def use_credential(self, credential: Credential) -> bool:
        """Tell whether the program was started with the values of this credential; it keeps those."""
        started = self._hooks.credential
        return started is not None and (started.environment, started.arguments) == (
            credential.environment,
            credential.arguments,
        )

    async def request(
        self,
        method: str,
        params: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        ask: Ask | None = None,
        tell: Tell | None = None,
    ) -> Reply:
        """Send one request and return its answer; answers may come in any order.

        A pipe does not tell which request a question or a log message belongs to, so `ask` and `tell` get none.
        """
        child = self._running_child()
        number = next(self._numbers)
        waiter = self._pending.add(number)
        sent = False
        try:
            await child.write(_line(encode_request(number, method, params)))
            sent = True
            outcome = await waiter
        except asyncio.CancelledError:
            if sent and method not in UNCANCELLABLE:
                child.write_soon(_line(encode_cancelled(number)))
            raise
        finally:
            self._pending.remove(number)
        if isinstance(outcome, str):
            raise DownstreamUnavailableError(outcome)
        return outcome

    async def notify(self, method: str, params: bytes) -> None:
        """Send one notification."""
        await self._running_child().write(_line(encode_notification(method, params)))

    async def listen(self) -> bool:
        """Return False at once, because a pipe delivers the child's messages without a request."""
        return False

    async def until_listening(self) -> None:
        """Return at once, because a pipe always listens."""

    def last_error_line(self) -> str:
        """Return the last line on stderr of a child that has ended, or the last line on stdout that is not MCP."""
        line = self._error_output.last() or self._other_output.last() or ""
        return shortened(line, _MAX_ERROR_CHARACTERS) if self.ended.done() else ""

    def recent_output(self) -> tuple[str, ...]:
        """Return the last lines on stderr, then those on stdout that are not MCP."""
        return self._error_output.all() + self._other_output.all()

    async def close(self) -> None:
        """Fail the requests that wait, then stop the child and every process of its group."""
        self._end("was stopped")
        self._incoming.close()
        if self._child is not None:
            await self._child.stop()

    async def _send(self, message: bytes) -> None:
        """Send a message to which no answer matters."""
        if self._child is not None and not self.ended.done():
            await self._child.write(_line(message))

    def _running_child(self) -> ChildProcess:
        if self.ended.done():
            raise DownstreamUnavailableError(self.ended.result())
        if self._child is None:
            raise DownstreamUnavailableError("is not started")
        return self._child

    def _child_ended(self, ended: asyncio.Future[int | None]) -> None:
        self._keep_error_lines(self._error_lines.finish())
        for line in self._lines.finish():
            if isinstance(line, bytes) and _MESSAGE not in line:
                self._other_output.add(line)
        self._incoming.after_all(lambda: self._end(_exit_reason(ended.result())))

    def _end(self, reason: str) -> None:
        if self.ended.done():
            return
        self.ended.set_result(reason)
        self._pending.fail_all(reason)

    def _read(self, chunk: bytes) -> None:
        for line in self._lines.feed(chunk):
            if isinstance(line, LongLine):
                self._keep_output(line.head, line.tail)
                reason = f"answered with more than {LARGEST_MESSAGE} bytes"
                self._pending.fail_unreadable(line.head, line.tail, reason)
            else:
                self._incoming.put(line)

    def _hold_output(self, holds: bool) -> None:
        if self._child is not None:
            self._child.hold_output(holds)

    def _read_errors(self, chunk: bytes) -> None:
        self._keep_error_lines(self._error_lines.feed(chunk))

    def _keep_error_lines(self, lines: list[Line]) -> None:
        for line in lines:
            if isinstance(line, LongLine):
                self._error_output.add(*line)
            else:
                self._error_output.add(line)

    def _handle_line(self, message: Message | None, line: bytes) -> None:
        if message is None:
            # Kept before it is searched for answers: what comes before the first one has no data of users.
            self._keep_output(line)
            if not self._pending.has_answered:
                self._look_for_answers(line)
            self._pending.fail_unreadable(line, line, "answered with something that cannot be read")
        elif message.is_notification:
            # Later than the callers of earlier answers continue, so that events keep the order of the lines.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._hooks.notified, message.method or "", bytes(message.params))
        elif message.is_request:
            asyncio.get_running_loop().call_soon(self._hooks.asked, message, self._send)
        else:
            self._set_reply(message, line)

    def _look_for_answers(self, line: bytes) -> None:
        """Take answers out of other output until the first answer of the handshake, of several with one id the last.

        Later the output may have text of users, which could contain a forged answer to the call of another user.
        """
        for message in reversed(answers_in(line)):
            self._set_reply(message, line)

    def _set_reply(self, message: Message, line: bytes) -> None:
        number = message.answers
        if number is None:
            self._keep_output(line)
        else:
            self._pending.set_reply(number, message)

    def _keep_output(self, *pieces: bytes) -> None:
        """Keep a line, or its beginning and end, for administrators; after the first answer, no message of MCP."""
        is_message = self._pending.has_answered and any(_MESSAGE in piece for piece in pieces)
        self._other_output.add(_HIDDEN if is_message else pieces[0])


def _is_inherited(name: str) -> bool:
    return name in _INHERITED or name.startswith(_INHERITED_PREFIX)


def _line(message: bytes) -> bytes:
    # Raw params may be pretty-printed: without this a caller could put a second message into the pipe.
    return on_one_line(message) + b"\n"


def _exit_reason(status: int | None) -> str:
    if status is None:
        return "closed its output"
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
