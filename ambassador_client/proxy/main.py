"""The proxy process: reads its flags, runs the relay, and exits soon after the host ends."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ambassador_client.errors import ClientError, one_line
from ambassador_client.proxy.message import Headers
from ambassador_client.proxy.parent_process import parent_exited
from ambassador_client.proxy.relay import Relay
from ambassador_client.proxy.reporter import Reporter
from ambassador_client.proxy.stdio import Output, read_lines

if TYPE_CHECKING:
    from ambassador_client.account.setting_sources import Flags
    from ambassador_client.proxy.session import Session

_EXIT_SECONDS = 2.0  # hosts kill a process that has not ended by then
_ANSWER_SECONDS = 1.4  # the part of it that is spent waiting for open requests
_LOOK_FOR_LOGIN = 1.0  # how often a process without an account looks for one

_STDIN, _STDOUT = 0, 1


def main(arguments: Sequence[str]) -> int:
    """Relay until the host leaves, then end the process at once."""
    try:
        code = run(arguments)
    except KeyboardInterrupt:
        code = 130
    # A normal exit would wait for a thread with a hanging name lookup.
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Relay until the host leaves; returns the exit code."""
    if sys.stdin is None or sys.stdout is None:
        return 0  # no host; the numbers of closed descriptors would be reused for other files
    report = Reporter()
    flags = None
    if arguments:
        from ambassador_client.proxy.flags import parse_flags  # noqa: PLC0415 - slow to import, and few hosts pass flags

        try:
            flags = parse_flags(arguments)
        except ClientError as error:
            report(str(error))
            return error.exit_code
    sys.stdout = sys.stderr  # only messages may be written to the host
    gc.freeze()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(
        lambda _, context: report(_describe_failure(context.get("exception"), context["message"]))
    )
    return loop.run_until_complete(_serve(flags, report))


async def _serve(flags: "Flags | None", report: Reporter) -> int:
    output = await Output.open(_STDOUT)
    sessions = _Sessions(flags, report)
    relay = Relay(output, sessions.create(), report=report)
    reading = asyncio.create_task(relay.run(read_lines(_STDIN)))
    maintaining = asyncio.create_task(_maintain_session(sessions, relay, report))
    parent_exit = asyncio.create_task(parent_exited())
    ends = {reading, parent_exit, *map(asyncio.create_task, (output.closed.wait(), _signal_received()))}
    await asyncio.wait({*ends, maintaining}, return_when=asyncio.FIRST_COMPLETED)
    deadline = asyncio.get_running_loop().time() + _EXIT_SECONDS
    failures = [
        task.exception()
        for task in (reading, maintaining, parent_exit)
        if task.done() and task.exception() is not None
    ]
    for failure in failures:
        report(_describe_failure(failure))
    answers_wanted = reading.done() and not output.closed.is_set()
    reading.cancel()
    await relay.finish(_ANSWER_SECONDS if answers_wanted else 0)
    maintaining.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.gather(
                _close(relay.session_task, relay.closing_headers(), left / 2), output.flush()
            )
    return 1 if failures else 0


def _describe_failure(failure: BaseException | None, otherwise: str = "") -> str:
    what = one_line(otherwise) if failure is None else type(failure).__name__
    return f"AMB-1000 {what} in the client. Please report it."


async def _maintain_session(sessions: "_Sessions", relay: Relay, report: Reporter) -> None:
    # Until the user has logged in, the relay answers the handshake, and every request with the error.
    while (session := await _created(relay, report)) is None:
        await sessions.wait_for_login()
        relay.use_session(sessions.create())
    await session.run(relay.announce_changes)


async def _created(relay: Relay, report: Reporter) -> "Session | None":
    try:
        return await asyncio.shield(relay.session_task)
    except ClientError as error:
        report(str(error))
        return None


async def _close(session_task: "asyncio.Task[Session]", closing_headers: Headers, seconds: float) -> None:
    if session_task.done() and session_task.exception() is None:
        await session_task.result().close(closing_headers, seconds)


async def _signal_received() -> None:
    """Return when a signal asks the process to end."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):  # SIGBREAK: Ctrl-Break or a closed console on Windows
        if (number := getattr(signal, name, None)) is None:
            continue
        try:
            loop.add_signal_handler(number, asked.set)
        except NotImplementedError:  # on Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(asked.set))
    await asked.wait()


class _Sessions:
    """Creates the session from the settings, and again when an account was saved after they were invalid."""

    def __init__(self, flags: "Flags | None", report: Reporter) -> None:
        self._flags = flags
        self._report = report
        self._saved: object = None

    def create(self) -> "asyncio.Task[Session]":
        """Start to create a session."""
        return asyncio.create_task(asyncio.to_thread(self._create))

    async def wait_for_login(self) -> None:
        """Wait until an account is saved on this machine."""
        from ambassador_client.proxy.session_factory import saved_accounts  # noqa: PLC0415 - rarely needed

        while saved_accounts() == self._saved:  # noqa: ASYNC110 - of a file no event tells
            await asyncio.sleep(_LOOK_FOR_LOGIN)

    def _create(self) -> "Session":
        from ambassador_client.proxy.session_factory import create_session, saved_accounts  # noqa: PLC0415 - imported in a thread during the handshake

        self._saved = saved_accounts()
        return create_session(self._flags, self._report)
