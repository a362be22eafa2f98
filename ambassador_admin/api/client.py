"""Sends requests to the admin API, with the key and paging, and raises the errors of this program.

Imported only by commands that send a request, because importing the HTTP library is slow.
"""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx

from ambassador_admin.api.request import Request
from ambassador_admin.errors import (
    AdminError,
    BadAnswerError,
    CertificateRefusedError,
    ExitCode,
    NoCredentialsError,
    RefusedError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_client.account.http_failures import FailureKind, HttpFailure, http_failures
from ambassador_protocol import __version__
from ambassador_protocol.admin.mcps import LONGEST_CONNECT_SECONDS
from ambassador_protocol.event_stream import (
    EVENT_STREAM,
    EventStreamReader,
    EventTooLargeError,
    ServerSentEvent,
)
from ambassador_protocol.json_text import parse_object
from ambassador_protocol.paths import CLIENT_VERSION_HEADER, DEFAULT_ADMIN_PORT
from ambassador_protocol.problems import ProblemCode
from ambassador_protocol.server_urls import is_loopback, url_host

_PAGE = 200
_LARGEST_ANSWER = 64 * 1024 * 1024
_LARGEST_EVENT = 16 * 1024 * 1024
_NO_ROUTE = "Not Found: "
"""How the server words that it has no such address, as on its client port."""
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_TIMEOUT = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)

_EXIT_CODES = {
    400: ExitCode.USAGE,
    401: ExitCode.NOT_AUTHENTICATED,
    403: ExitCode.DENIED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    412: ExitCode.CONFLICT,
    413: ExitCode.USAGE,
    422: ExitCode.USAGE,
    429: ExitCode.UNREACHABLE,
    502: ExitCode.UNREACHABLE,
    503: ExitCode.UNREACHABLE,
    504: ExitCode.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `next_cursor` is None on the last. `answer` is the whole body, which may say more."""

    items: list[dict[str, Any]]
    next_cursor: str | None
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


def patience(request: Request) -> httpx.Timeout:
    """Return how long to wait for an answer: longer than the server may take for it."""
    seconds = _ANSWER_SECONDS + (LONGEST_CONNECT_SECONDS if request.connects else 0)
    return httpx.Timeout(seconds, connect=_CONNECT_SECONDS)


class ApiClient:
    """A client of one server; `key` is called when a request needs the key, and returns None if there is none."""

    def __init__(
        self,
        server: str,
        *,
        key: Callable[[], str | None],
        tls: ssl.SSLContext | None,
        has_certificate: bool = False,
    ) -> None:
        self.unanswered: str | None = None
        """The change that was sent last and has no answer yet."""
        self.changes = 0
        """How many changes the server has made."""
        self._server = server
        self._key = key
        self._has_certificate = has_certificate
        self._http = httpx.Client(
            base_url=server,
            # Without TLS there is no certificate; URLs without TLS are allowed on loopback only.
            verify=tls or False,
            timeout=_TIMEOUT,
            # A proxy cannot reach the loopback addresses of this machine.
            trust_env=not is_loopback(urlsplit(server).hostname or ""),
            headers={
                "Accept": "application/json",
                "User-Agent": f"ambassador-admin/{__version__}",
                CLIENT_VERSION_HEADER: __version__,
            },
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def fetch(self, request: Request) -> dict[str, Any]:
        """Send the request and return the object in the answer."""
        return self._object(self._send(request))

    def fetch_with_revision(self, request: Request) -> tuple[dict[str, Any], str | None]:
        """Send the request and return the object in the answer, with its revision if the server names it."""
        answer = self._send(request)
        return self._object(answer), answer.headers.get("ETag")

    def probe(self, request: Request) -> tuple[bool, dict[str, Any]]:
        """Send the request without the key; return whether the status is a success, and the object in the answer."""
        answer = self._exchange(request, key=None)
        found = self._object(answer)
        if answer.status >= 300 and "code" in found:
            raise self._refusal(answer, request)
        return answer.status < 300, found

    def fetch_without_key(self, request: Request) -> dict[str, Any]:
        """Send the request without the key and return the object in the answer."""
        answer = self._exchange(request, key=None)
        if answer.status >= 300:
            raise self._refusal(answer, request)
        return self._object(answer)

    def fetch_text(self, request: Request) -> str:
        """Send the request without the key and return the text in the answer."""
        answer = self._exchange(request, key=None)
        if answer.status >= 300:
            raise self._refusal(answer, request)
        return answer.content.decode(errors="replace")

    def send(self, request: Request) -> None:
        """Send a request whose answer has no content."""
        self._send(request)

    def page(self, request: Request, *, limit: int, cursor: str | None = None) -> Page:
        """Return one page of a list."""
        answer = self.fetch(request.with_query(limit=str(limit), cursor=cursor))
        items, following = answer.get("items"), answer.get("next_cursor")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self._protocol_error("its list has no items")
        if following is not None and not isinstance(following, str):
            raise self._protocol_error("its cursor is not a text")
        return Page(items, following, answer)

    def items(
        self,
        request: Request,
        *,
        limit: int | None = None,
        size: int = _PAGE,
        notice: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, fetched in pages of `size`, up to `limit`; `notice` gets the first answer."""
        cursor: str | None = None
        remaining = limit
        while remaining is None or remaining > 0:
            page = self.page(
                request, limit=size if remaining is None else min(remaining, size), cursor=cursor
            )
            if notice is not None and cursor is None:
                notice(page.answer)
            yield from page.items if remaining is None else page.items[:remaining]
            if page.next_cursor is None:
                return
            if page.next_cursor == cursor:
                raise self._protocol_error("its list repeats a cursor")
            cursor = page.next_cursor
            remaining = None if remaining is None else remaining - len(page.items)

    def follow(self, request: Request) -> Iterator[tuple[list[ServerSentEvent], str]]:
        """Yield the events of a stream as they come, with the last event id, until the server ends the stream."""
        reader = EventStreamReader(_LARGEST_EVENT)
        with self._streamed(request, EVENT_STREAM) as response:
            try:
                for chunk in response.iter_raw():
                    yield reader.feed(chunk), reader.last_id
            except EventTooLargeError as error:
                raise BadAnswerError(f"{self._server} sends {error}.", code=ProblemCode.TOO_LARGE) from None

    def download(self, request: Request, take: Callable[[bytes], object], *, length: int) -> None:
        """Give the content of the answer to `take` piece by piece; it must have this many bytes."""
        remaining = length
        with self._streamed(request, "application/octet-stream") as response:
            for chunk in response.iter_raw():
                remaining -= len(chunk)
                if remaining < 0:
                    raise self._protocol_error(f"its answer is longer than {length} bytes")
                take(chunk)
        if remaining > 0:
            raise _unreachable(self._server, f"its answer ended {remaining} bytes too early")

    @contextmanager
    def _streamed(self, request: Request, media_type: str) -> Iterator[httpx.Response]:
        headers = {
            **_authorization(self._required_key()),
            "Accept": media_type,
            "Accept-Encoding": "identity",
        }
        with (
            http_failures(partial(_error_for, self._server)),
            self._http.stream("GET", request.path, params=dict(request.query), headers=headers) as response,
        ):
            if response.status_code >= 300:
                answer = _Answer(response.status_code, response.headers, self._read(response))
                raise self._refusal(answer, request)
            yield response

    def _send(self, request: Request) -> _Answer:
        answer = self._exchange(request, key=self._required_key())
        if answer.status >= 300:
            raise self._refusal(answer, request)
        return answer

    def _required_key(self) -> str | None:
        return _checked_key(self._key(), self._server, needed=not self._has_certificate)

    def _exchange(self, request: Request, *, key: str | None) -> _Answer:
        headers = _authorization(key)
        if request.revision is not None:
            headers["If-Match"] = request.revision
        content = None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(request.body, ensure_ascii=False).encode()
        changes = request.method != "GET"
        self.unanswered = f"{request.method} {request.path}" if changes else None
        with (
            http_failures(partial(_error_for, self._server)),
            self._http.stream(
                request.method,
                request.path,
                params=dict(request.query),
                content=content,
                headers=headers,
                timeout=patience(request),
            ) as response,
        ):
            answer = _Answer(response.status_code, response.headers, self._read(response))
        self.unanswered = None
        self.changes += changes and answer.status < 300
        return answer

    def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _LARGEST_ANSWER:
                raise BadAnswerError(
                    f"The answer of {self._server} is larger than {_LARGEST_ANSWER} bytes.",
                    code=ProblemCode.TOO_LARGE,
                )
        return bytes(content)

    def _object(self, answer: _Answer) -> dict[str, Any]:
        try:
            return parse_object(answer.content)
        except ValueError as error:
            raise self._protocol_error(f"its answer (status {answer.status}) {error}") from None

    def _refusal(self, answer: _Answer, request: Request) -> AdminError:
        try:
            problem = self._object(answer)
        except BadAnswerError as error:
            # Without a problem document, the answer is not from our server, but perhaps from a gateway that cannot
            # reach it.
            return (
                _unreachable(self._server, f"HTTP status {answer.status}") if _is_temporary(answer) else error
            )
        code, cause = problem.get("code"), problem.get("detail")
        if not isinstance(code, str) or not isinstance(cause, str):
            return self._protocol_error(f"its answer (status {answer.status}) is not a problem document")
        if answer.status == 404 and cause.startswith(_NO_ROUTE):
            return self._wrong_port(request.path)
        hint, request_id, operation = (problem.get(name) for name in ("hint", "request_id", "operation"))
        if not isinstance(hint, str):
            hint = request.hint(answer.status) or self._general_hint(answer)
        return RefusedError(
            cause,
            hint=hint,
            code=code,
            exit_code=_EXIT_CODES.get(answer.status, ExitCode.GENERAL),
            request_id=request_id if isinstance(request_id, str) else None,
            operation=operation if isinstance(operation, int) else None,
            position=_error_position(problem, request),
        )

    def _wrong_port(self, path: str) -> AdminError:
        parts = urlsplit(self._server)
        if parts.port == DEFAULT_ADMIN_PORT:
            hint = "an older server may lack it: ambassador-admin status shows both versions"
        else:
            url = f"{parts.scheme}://{url_host(parts.hostname or '')}:{DEFAULT_ADMIN_PORT}"
            hint = f"the admin API has a port of its own, by default {DEFAULT_ADMIN_PORT}: --server {url}"
        return BadAnswerError(f"{self._server} does not serve {path}.", hint=hint)

    def _general_hint(self, answer: _Answer) -> str | None:
        match answer.status:
            case 401:
                return f"ambassador-admin login {self._server}"
            case 403:
                return "ambassador-admin whoami shows your roles"
            case 429 | 503:
                wait = answer.headers.get("Retry-After", "")
                return f"try again in {wait} seconds" if wait.isdecimal() else "try again later"
            case _:
                return None

    def _protocol_error(self, what: str) -> BadAnswerError:
        return BadAnswerError(
            f"{self._server} does not follow the admin API: {what}.",
            hint="--server names the admin address of ambassador-server, port 9443 by default",
        )


def _error_for(server: str, failure: HttpFailure) -> AdminError:
    match failure.kind:
        case FailureKind.TIMEOUT:
            return _unreachable(server, "it did not answer in time")
        case FailureKind.BROKEN if server.startswith("http:"):
            return UnreachableError(
                f"No connection to {server}: {failure.reason}.",
                hint=f"the port may expect TLS: --server https{server.removeprefix('http')}",
            )
        case FailureKind.PROXY:
            return _unreachable(server, f"the proxy refused the connection: {failure.reason}")
        case FailureKind.UNTRUSTED:
            return UntrustedCertificateError(
                f"The certificate of {server} is not trusted: {failure.reason}.",
                hint=f"ambassador-admin login {server} --fingerprint SHA256",
            )
        case FailureKind.CERTIFICATE_REFUSED:
            return CertificateRefusedError(server, failure.reason)
        case FailureKind.UNREADABLE:
            return BadAnswerError(f"The answer of {server} cannot be read: {failure.reason}.")
        case FailureKind.OTHER if (
            "wrong_version_number" in failure.reason or "record layer" in failure.reason
        ):
            return UnreachableError(
                f"No connection to {server}: the port does not speak TLS.",
                hint=f"a server with `tls: off` has the address http{server.removeprefix('https')}",
            )
        case _:
            return _unreachable(server, failure.reason)


def _error_position(problem: Mapping[str, Any], request: Request) -> tuple[str, int] | None:
    """Return the value of the invalid parameter and the index of the error in it, if the server reports them."""
    text, position = request.query.get(str(problem.get("parameter"))), problem.get("position")
    return (text, position) if isinstance(text, str) and isinstance(position, int) else None


def _is_temporary(answer: _Answer) -> bool:
    return _EXIT_CODES.get(answer.status) is ExitCode.UNREACHABLE


def _unreachable(server: str, cause: str) -> UnreachableError:
    return UnreachableError(
        f"No connection to {server}: {cause}.",
        hint="is ambassador-server running there? --server URL names another address",
    )


def _authorization(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _checked_key(key: str | None, server: str, *, needed: bool) -> str | None:
    """Return the key; None where a client certificate stands alone. Raises NoCredentialsError."""
    if key is None and needed:
        raise NoCredentialsError(
            f"There is no admin key for {server}.", hint=f"ambassador-admin login {server}"
        )
    return key
