"""The proxy's session with the server: opened, kept alive, renewed and closed, always by the one keeper task."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from ambassador_client.account.session_cache import Slot
from ambassador_client.errors import (
    ClientError,
    ServerRefusedError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_client.link import session_api
from ambassador_client.link.http_client import Link, Request, Response
from ambassador_client.link.refusals import refusal
from ambassador_client.proxy.message import Headers
from ambassador_protocol.paths import MCP, SESSION_TOKEN_HEADER
from ambassador_protocol.sessions import RegisterRequest

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_REFUSED_PAUSE = 300.0  # a key that was refused may be put right, but a server counts failures
_HURRY_PAUSE = 1.0
_MOST_VAIN = 3


class Session:
    """One session, whatever becomes of the server; `report` gets a line for every change."""

    def __init__(
        self,
        link: Link,
        identity: Callable[[], RegisterRequest],
        slot: Slot,
        *,
        heartbeat_seconds: float,
        report: Callable[[str], None],
    ) -> None:
        self._link = link
        self._identity = identity
        self._slot = slot
        self._heartbeat_seconds = heartbeat_seconds
        self._report = report
        self._granted = slot.load()
        self._problem: ClientError | None = None
        self._failures = 0
        self._vain = 0
        self._tried_at = 0.0
        self._settled = asyncio.Event()
        self._working = asyncio.Event()
        self._broken = asyncio.Event()
        self._wake = asyncio.Event()

    @property
    def token(self) -> str | None:
        """Return the token of the session there is."""
        return None if self._granted is None else self._granted.session_token

    async def keep(self, on_recovery: Callable[[], None]) -> None:
        """Open the session and keep it for ever, and call when the server works again after it did not.

        Only the task that runs this registers, so there is never a second session.
        """
        while True:
            self._wake.clear()
            pause = await self._attempt(on_recovery)
            self._tried_at = asyncio.get_running_loop().time()
            self._settled.set()
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    @asynccontextmanager
    async def post(
        self,
        headers: Headers,
        body: bytes,
        *,
        replayable: bool = False,
        aside: bool = False,
        more: Callable[[], Awaitable[Headers]] | None = None,
    ) -> AsyncIterator[Response]:
        """Send one MCP message and hand out the answer; without a body, ask for the server's own stream.

        `more` is asked for further headers before each try, and `aside` passes the queue of calls. A 401 means that
        the message did not run: it goes out once more under a new session. Raises ClientError.
        """
        for last_try in (False, True):
            added = [] if more is None else await more()
            token = await self._token()
            lines = [*headers, *added, (SESSION_TOKEN_HEADER, token)]
            request = Request("POST" if body else "GET", MCP, lines, body, replayable or not body)
            answered = False
            try:
                async with self._link.exchange(request, aside=aside) as response:
                    self._vain = self._vain if response.status == 401 else 0
                    if response.status != 401 or last_try:
                        if self._may_hurry():
                            self._wake.set()
                        answered = True
                        yield response
                        return
                    reply = await response.read()
            except (UnreachableError, UntrustedCertificateError) as error:
                if body or not answered:  # a stream that is cut says nothing about the server
                    self._lose(error)
                raise
            self._renew(token, refusal(reply.status, reply.body, reply.retry_after))

    async def works(self) -> None:
        """Wait until there is a session and the server is there."""
        await self._working.wait()

    async def breaks(self) -> None:
        """Wait until the server is away."""
        await self._broken.wait()

    async def close(self, farewell: Headers = (), seconds: float = 0.0) -> None:
        """End the session; when that fails, it stays in the slot for the next process.

        `farewell` are the headers of the protocol's own session, which is ended before, within so many seconds.
        """
        if self._granted is not None:
            if farewell:
                with suppress(ClientError, TimeoutError):
                    async with asyncio.timeout(seconds):
                        await session_api.leave(self._link, self._granted.session_token, farewell)
            try:
                await session_api.disconnect(self._link, self._granted)
                self._slot.clear()
            except ClientError as error:
                self._report(str(error))
        self._link.close()

    async def _token(self) -> str:
        if self._granted is None:
            if self._may_hurry():
                self._ask_keeper()
            await self._settled.wait()
        if self._granted is not None:
            return self._granted.session_token
        # One error is raised for many requests: it must not collect their tracebacks.
        raise (self._problem or ClientError("there is no session")).with_traceback(None)

    def _renew(self, refused_token: str, error: ClientError) -> None:
        if self._granted is None or self._granted.session_token != refused_token:
            return
        self._granted = None
        if self._vain < _MOST_VAIN:
            self._ask_keeper()
        else:
            # Session after session is refused: another one for every call would help nobody.
            self._note(error)
            asyncio.get_running_loop().call_later(_longer(self._vain), self._wake.set)

    def _may_hurry(self) -> bool:
        # A request is a reason to try now, except where trying is what the server has had enough of.
        waited = asyncio.get_running_loop().time() - self._tried_at
        return self._problem is not None and not _is_refusal(self._problem) and waited >= _HURRY_PAUSE

    def _ask_keeper(self) -> None:
        self._settled.clear()
        self._wake.set()

    async def _attempt(self, on_recovery: Callable[[], None]) -> float:
        try:
            await self._ensure()
        except ClientError as error:
            self._failures += 1
            self._note(error)
            return pause_after(error, self._failures)
        self._failures = 0
        self._working.set()
        self._broken.clear()
        if self._problem is not None:
            self._problem = None
            self._report(f"connected to {self._link.url}")
            on_recovery()
        return self._heartbeat_seconds

    async def _ensure(self) -> None:
        granted = self._granted
        lives = granted is not None and await session_api.heartbeat(self._link, granted.session_token)
        if lives and self._granted is granted:
            self._vain = 0
            return
        self._granted = None
        self._settled.clear()
        # A keyring may ask its owner first, and the relay answers meanwhile.
        identity = await asyncio.to_thread(self._identity)
        self._granted = await session_api.register(self._link, identity)
        self._vain += 1
        self._slot.store(self._granted)

    def _lose(self, error: ClientError) -> None:
        if self._problem is None:
            self._note(error)
            self._wake.set()

    def _note(self, error: ClientError) -> None:
        if str(error) != str(self._problem):
            self._report(str(error))
        self._problem = error
        self._working.clear()
        self._broken.set()


def pause_after(error: ClientError, failures: int) -> float:
    """Return how many seconds to wait: what the server asked for, else longer each time, never in step."""
    if isinstance(error, ServerRefusedError) and error.retry_after is not None:
        return error.retry_after + _jitter()
    if isinstance(error, ServerRefusedError) and 400 <= error.status < 500 and error.status != 429:
        return _REFUSED_PAUSE * _jitter()
    return _longer(failures)


def _longer(failures: int) -> float:
    exponential: float = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
    return exponential * _jitter()


def _jitter() -> float:
    return 0.5 + os.urandom(1)[0] / 510


def _is_refusal(error: ClientError) -> bool:
    """Tell whether the server understood and said no, so that asking again soon is a nuisance."""
    return isinstance(error, ServerRefusedError) and (
        error.retry_after is not None or 400 <= error.status < 500
    )
