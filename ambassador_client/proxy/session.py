"""The proxy's session with the server: one task registers, sends heartbeats and renews it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from ambassador_client.errors import (
    ClientError,
    ServerRefusedError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_client.link import session_api
from ambassador_client.link.http_client import HttpClient, HttpRequest, Response
from ambassador_client.link.refusals import refusal
from ambassador_client.proxy.message import Headers
from ambassador_client.proxy.proofs import Proof
from ambassador_protocol.backoff import Backoff, jitter
from ambassador_protocol.paths import MCP

_BACKOFF = Backoff(0.5, 30.0)
_REFUSED_PAUSE = 300.0  # an administrator may correct a refused key, but the server counts failed attempts
_MIN_RETRY_PAUSE = 1.0
_LOOK_FOR_KEY = 1.0  # how often a process whose key is refused looks for another one
_MAX_REJECTED_SESSIONS = 3


class Session:
    """One session that survives restarts of the server; `report` receives a line for every change of state."""

    def __init__(
        self,
        http: HttpClient,
        proof: Proof,
        *,
        heartbeat_seconds: float,
        report: Callable[[str], None],
    ) -> None:
        self._http = http
        self._proof = proof
        self._heartbeat_seconds = heartbeat_seconds
        self._report = report
        self._problem: ClientError | None = None
        self._failures = 0
        self._rejected_sessions = 0
        self._tried_at = 0.0
        self._attempted = asyncio.Event()
        self._working = asyncio.Event()
        self._broken = asyncio.Event()
        self._wake = asyncio.Event()

    @property
    def token(self) -> str | None:
        """Return the current session token, empty for a certificate that stands alone; None before either."""
        return self._proof.token

    async def run(self, on_recovery: Callable[[], None]) -> None:
        """Register and keep the session alive until cancelled; call `on_recovery` when the server works again.

        Only the task that runs this registers, so there is never a second session.
        """
        while True:
            self._wake.clear()
            pause = await self._attempt(on_recovery)
            self._tried_at = asyncio.get_running_loop().time()
            self._attempted.set()
            await self._pause(pause)

    @asynccontextmanager
    async def post(
        self,
        headers: Headers,
        body: bytes,
        *,
        replayable: bool = False,
        priority: bool = False,
        extra_headers: Callable[[], Awaitable[Headers]] | None = None,
    ) -> AsyncIterator[Response]:
        """Send one MCP message and yield the response; an empty body requests the server's own stream.

        `extra_headers` returns further headers before each try; `priority` uses the reserved connections. After a 401
        the message did not run and is sent once more under a new session. Raises ClientError.
        """
        for last_try in (False, True):
            added = [] if extra_headers is None else await extra_headers()
            token = await self._token()
            lines = [*headers, *added, *self._proof.headers]
            request = HttpRequest("POST" if body else "GET", MCP, lines, body, replayable or not body)
            answered = False
            try:
                async with self._http.exchange(request, priority=priority) as response:
                    self._rejected_sessions = self._rejected_sessions if response.status == 401 else 0
                    if response.status != 401 or last_try:
                        if self._may_retry_now():
                            self._wake.set()
                        answered = True
                        yield response
                        return
                    reply = await response.read()
            except (UnreachableError, UntrustedCertificateError) as error:
                if body or not answered:  # a stream that breaks does not show that the server is down
                    self._mark_broken(error)
                raise
            self._renew(token, refusal(reply.status, reply.body, reply.retry_after))

    async def wait_until_working(self) -> None:
        """Wait until the session is registered and the server reachable."""
        await self._working.wait()

    async def wait_until_broken(self) -> None:
        """Wait until a request has failed."""
        await self._broken.wait()

    async def close(self, closing_headers: Headers = (), seconds: float = 0.0) -> None:
        """End the session; if that fails, it stays in the cache slot for the next process.

        `closing_headers` name the MCP conversation, which is ended first, within `seconds`.
        """
        if self._proof.token is not None:
            if closing_headers:
                with suppress(ClientError, TimeoutError):
                    async with asyncio.timeout(seconds):
                        headers = [*self._proof.headers, *closing_headers]
                        await session_api.end_conversation(self._http, headers)
            try:
                await self._proof.end(self._http)
            except ClientError as error:
                self._report(str(error))
        self._http.close()

    async def _pause(self, seconds: float) -> None:
        """Wait until the time is over, a request wants an attempt, or a refused key may have been replaced."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while (left := ends - loop.time()) > 0 and not self._has_other_key():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LOOK_FOR_KEY) if self._is_refused() else left):
                    await self._wake.wait()
                    return

    async def _token(self) -> str:
        if self._has_other_key() or (self._proof.token is None and self._may_retry_now()):
            self._proof.drop()
            self._request_attempt()
        if self._proof.token is None:
            await self._attempted.wait()
        if (token := self._proof.token) is not None:
            return token
        # The same error object is raised for many requests and must not collect their tracebacks.
        raise (self._problem or ClientError("there is no session")).with_traceback(None)

    def _renew(self, refused_token: str, error: ClientError) -> None:
        if self._proof.token != refused_token:
            return
        self._proof.drop()
        if self._rejected_sessions < _MAX_REJECTED_SESSIONS:
            self._request_attempt()
        else:
            # The server refuses every new session; registering again for every call would be useless.
            self._record_problem(error)
            asyncio.get_running_loop().call_later(_BACKOFF.after(self._rejected_sessions), self._wake.set)

    def _may_retry_now(self) -> bool:
        # A request triggers an early retry, unless the server has refused and asked to wait.
        waited = asyncio.get_running_loop().time() - self._tried_at
        return self._problem is not None and not _is_refusal(self._problem) and waited >= _MIN_RETRY_PAUSE

    def _is_refused(self) -> bool:
        problem = self._problem
        is_refusal = isinstance(problem, ServerRefusedError) and problem.status in (401, 403)
        return self._proof.token is None and is_refusal

    def _has_other_key(self) -> bool:
        return self._proof.has_other_key(is_refused=self._is_refused())

    def _request_attempt(self) -> None:
        self._attempted.clear()
        self._wake.set()

    async def _attempt(self, on_recovery: Callable[[], None]) -> float:
        try:
            await self._ensure()
        except ClientError as error:
            self._failures += 1
            self._record_problem(error)
            return pause_after(error, self._failures)
        self._failures = 0
        self._working.set()
        self._broken.clear()
        if self._problem is not None:
            self._problem = None
            self._report(f"connected to {self._http.url}")
            on_recovery()
        return self._heartbeat_seconds

    async def _ensure(self) -> None:
        if self._has_other_key():
            self._proof.drop()
        token = self._proof.token
        if await self._proof.is_good(self._http) and self._proof.token == token:
            self._rejected_sessions = 0
            return
        self._proof.drop()
        self._attempted.clear()
        self._http.read_tls_again()  # a certificate that was refused may have been renewed
        await self._proof.obtain(self._http)
        self._rejected_sessions += 1

    def _mark_broken(self, error: ClientError) -> None:
        if self._problem is None:
            self._record_problem(error)
            self._wake.set()

    def _record_problem(self, error: ClientError) -> None:
        if str(error) != str(self._problem):
            self._report(str(error))
        self._problem = error
        self._working.clear()
        self._broken.set()


def pause_after(error: ClientError, failures: int) -> float:
    """Return the pause before the next try in seconds: the server's Retry-After, else growing and with jitter."""
    if isinstance(error, ServerRefusedError) and error.retry_after is not None:
        return error.retry_after + jitter()
    if isinstance(error, ServerRefusedError) and 400 <= error.status < 500 and error.status != 429:
        return _REFUSED_PAUSE * jitter()
    return _BACKOFF.after(failures)


def _is_refusal(error: ClientError) -> bool:
    """Tell whether the server refused the request, so that an early retry is pointless."""
    return isinstance(error, ServerRefusedError) and (
        error.retry_after is not None or 400 <= error.status < 500
    )
