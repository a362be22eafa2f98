"""The HTTP client of the commands for people."""

import itertools
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx

from ambassador_client.account.http_failures import FailureKind, HttpFailure, http_failures
from ambassador_client.account.proxy_tunnel import ProxyTunnel
from ambassador_client.cli.questions import CAPABILITIES
from ambassador_client.errors import (
    MAY_HAVE_RUN,
    BadAnswerError,
    CertificateRefusedError,
    ClientError,
    ServerRefusedError,
    TooLargeError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_client.link.refusals import refusal
from ambassador_protocol import __version__
from ambassador_protocol.backoff import Backoff
from ambassador_protocol.event_stream import EVENT_STREAM, EventStreamReader, EventTooLargeError
from ambassador_protocol.header_values import encode_header_value
from ambassador_protocol.json_text import parse_object
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    MAX_CALL_SECONDS,
    META_ALL_TOOLS,
    META_CLIENT_CAPABILITIES,
    META_CLIENT_INFO,
    META_VERSION,
    METHOD_HEADER,
    MODERN_VERSION,
    NAME_HEADER,
    VERSION_HEADER,
)
from ambassador_protocol.paths import CLIENT_VERSION_HEADER, CONNECTIONS, MCP, REGISTER
from ambassador_protocol.problems import ProblemCode
from ambassador_protocol.sessions import RegisterRequest, RegisterResponse
from ambassador_protocol.tls_alerts import NEXT_STEP

Json = dict[str, Any]
Progress = Callable[[Json], None]
"""Receives the params of progress notifications."""
Answer = Callable[[Json], Json]
"""Takes the params of a question and returns the result of `elicitation/create`."""

_CONNECT_SECONDS, _ANSWER_SECONDS, _CALL_SECONDS = 10.0, 60.0, MAX_CALL_SECONDS + 60.0
_MAX_BYTES = 64 << 20
_MAX_ROUNDS = 10
_MAX_PAGES = 1000
_PAUSES = Backoff(0.05, 0.25)
_META = {
    META_VERSION: MODERN_VERSION,
    META_CLIENT_INFO: {"name": "ambassador-client", "version": __version__},
    META_CLIENT_CAPABILITIES: {},
}

_UNKNOWN = ("unknown_tool", "unknown_resource", "unknown_prompt")
_NOT_FOUND, _FAILED = (ProblemCode.NOT_FOUND, 5), (ProblemCode.TOOL_FAILED, 1)
_CODES_BY_JSONRPC_CODE: Mapping[int, tuple[ProblemCode, int]] = {
    Code.INVALID_PARAMS: (ProblemCode.BAD_REQUEST, 2),
    Code.DENIED: (ProblemCode.DENIED, 4),
    Code.DOWNSTREAM_UNAVAILABLE: (ProblemCode.DOWNSTREAM_UNAVAILABLE, 7),
    Code.DOWNSTREAM_TIMEOUT: (ProblemCode.DOWNSTREAM_TIMEOUT, 7),
    Code.AUDIT_UNAVAILABLE: (ProblemCode.AUDIT_UNAVAILABLE, 7),
    Code.OVERLOADED: (ProblemCode.OVERLOADED, 7),
    Code.SERVER_UNREACHABLE: (ProblemCode.UNREACHABLE, 7),
}


class CallError(ClientError):
    """The server answered with a JSON-RPC error; `error` is the whole error object.

    `is_unknown` means that the user has no such tool, resource or prompt.
    """

    def __init__(self, error: Json) -> None:
        super().__init__(str(error.get("message", "the call failed")))
        self.error = error
        data = error.get("data")
        self.is_unknown = isinstance(data, dict) and data.get("reason") in _UNKNOWN
        code, exit_code = (
            _NOT_FOUND if self.is_unknown else _CODES_BY_JSONRPC_CODE.get(_number(error), _FAILED)
        )
        self.code = code.value
        self.exit_code = exit_code


class ServerClient:
    """A client for one server that sends one secret: a key, a session token, or none.

    `unanswered` is the request, among those that change something, that was sent and has no answer yet; `changes` is
    how many of them succeeded.
    """

    def __init__(
        self, url: str, tls: ssl.SSLContext | None, secret: str | None, tunnel: ProxyTunnel | None = None
    ) -> None:
        self.url = url
        self.unanswered: str | None = None
        self.changes = 0
        self._tunnel = tunnel
        self._numbers = itertools.count(1)
        headers = {"Accept": "application/json", CLIENT_VERSION_HEADER: __version__}
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        self._http = httpx.Client(
            base_url=url,
            verify=tls or False,  # http:// is allowed for this machine only
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            # The proxy is chosen by account/proxy_tunnel, as for the relay.
            proxy=None if tunnel is None else _proxy(tunnel),
            trust_env=False,
            headers=headers,
        )

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Send a request and return the JSON object of the answer, empty for an empty body; raises LinkError."""
        with self._stream(method, path, body) as response:
            content = self._read(response)
            if not response.is_success:
                raise refusal(response.status_code, content, response.headers.get("retry-after"))
        return self._parse_object(content) if content else {}

    def text(self, path: str) -> str:
        """Return the text of an answer of any status."""
        with self._stream("GET", path, None) as response:
            return self._read(response).decode(errors="replace")

    def date(self, path: str) -> str | None:
        """Return the Date header of an answer, or None."""
        with self._stream("GET", path, None) as response:
            date: str | None = response.headers.get("date")
        return date

    def register(self, identity: RegisterRequest) -> RegisterResponse:
        """Register a session; raises LinkError."""
        wanted = {name: getattr(identity, name) for name in RegisterRequest.__slots__}
        answer = self.request("POST", REGISTER, wanted)
        members = {name: answer.get(name) for name in RegisterResponse.__slots__}
        if not all(isinstance(value, str) for value in members.values()):
            raise self._not_an_ambassador()
        return RegisterResponse(**{name: str(value) for name, value in members.items()})

    def disconnect(self, session: RegisterResponse) -> None:
        """End a session; a session that has already ended is not an error."""
        try:
            self.request("DELETE", f"{CONNECTIONS}/{quote(session.connection_id, safe='')}")
        except ServerRefusedError as error:
            if error.status not in (401, 404, 410):
                raise

    def tools(self) -> list[Json]:
        """Return the definitions of the tools that the user may call, also where hosts search them."""
        return self._list("tools/list", "tools", "name", {META_ALL_TOOLS: True})

    def resources(self) -> list[Json]:
        """Return the definitions of the resources that the user may read."""
        return self._list("resources/list", "resources", "uri")

    def resource_templates(self) -> list[Json]:
        """Return the definitions of the templates of resources that the user may read."""
        return self._list("resources/templates/list", "resourceTemplates", "uriTemplate")

    def prompts(self) -> list[Json]:
        """Return the definitions of the prompts that the user may get."""
        return self._list("prompts/list", "prompts", "name")

    def call(
        self,
        tool: str,
        arguments: Json,
        headers: Mapping[str, str],
        progress: Progress,
        answer: Answer | None,
    ) -> Json:
        """Call a tool and return the result; `answer` is None without a terminal. Raises CallError or LinkError."""
        params = {"name": tool, "arguments": arguments}
        return self._ask("tools/call", params, tool, progress, answer, headers)

    def read(self, uri: str, progress: Progress, answer: Answer | None) -> Json:
        """Read a resource; otherwise as `call`."""
        return self._ask("resources/read", {"uri": uri}, uri, progress, answer)

    def prompt(self, name: str, arguments: Json, progress: Progress, answer: Answer | None) -> Json:
        """Get a prompt; otherwise as `call`."""
        params = {"name": name, "arguments": arguments}
        return self._ask("prompts/get", params, name, progress, answer)

    def _list(self, method: str, member: str, named_by: str, meta: Json | None = None) -> list[Json]:
        """Return the items of all pages of a list."""
        found: list[Json] = []
        asked: Json = {} if meta is None else {"_meta": meta}
        params = asked
        for _ in range(_MAX_PAGES):
            page = self._send_message(method, params, {})
            items = page.get(member)
            if not isinstance(items, list) or not all(
                isinstance(each, dict) and isinstance(each.get(named_by), str) for each in items
            ):
                raise self._not_an_ambassador()
            found += items
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str):
                return found
            params = {"cursor": cursor, **asked}
        raise TooLargeError(f"the server's list has more than {_MAX_PAGES} pages", "Ask your administrator.")

    def _ask(
        self,
        method: str,
        params: Json,
        name: str,
        progress: Progress,
        answer: Answer | None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Send a request that may be answered by questions, and return the result after the last of them."""
        meta = {"progressToken": 1, META_CLIENT_CAPABILITIES: {} if answer is None else CAPABILITIES}
        first = {**params, "_meta": meta}
        params, sent = first, {NAME_HEADER: encode_header_value(name), **(headers or {})}
        for round_ in range(1, _MAX_ROUNDS + 1):
            result = self._send_message(method, params, sent, progress)
            if result.get("resultType") != "input_required":
                return result
            asked, state = result.get("inputRequests"), result.get("requestState")
            params = first | ({"inputResponses": _answers(asked, answer)} if asked else {})
            # requestState is returned unchanged, and left out if the server sent none.
            params |= {} if state is None else {"requestState": state}
            if not asked:
                time.sleep(_PAUSES.after(round_))
        raise BadAnswerError(
            f"{name} asks again and again", f"It was answered {_MAX_ROUNDS} times; the call was stopped."
        )

    def _send_message(
        self,
        method: str,
        params: Json,
        headers: Mapping[str, str],
        progress: Progress = lambda _: None,
    ) -> Json:
        number = next(self._numbers)
        meta = {**_META, **params.get("_meta", {})}
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": meta}}
        sent = {
            "Accept": f"application/json, {EVENT_STREAM}",
            VERSION_HEADER: MODERN_VERSION,
            METHOD_HEADER: method,
            **headers,
        }
        is_call = method == "tools/call"
        with self._stream("POST", MCP, body, sent, is_call=is_call) as response:
            for message in self._read_messages(response, is_call=is_call):
                if message.get("id") == number and ("result" in message or "error" in message):
                    return self._result(message)
                if message.get("method") == "notifications/progress":
                    progress(message.get("params") or {})
        raise UnreachableError(
            f"the connection to {self.url} broke before the answer was complete",
            MAY_HAVE_RUN,
        )

    def _read_messages(self, response: httpx.Response, *, is_call: bool) -> Iterator[Json]:
        if response.headers.get("content-type", "").startswith(EVENT_STREAM):
            reader = EventStreamReader(_MAX_BYTES)
            try:
                for chunk in response.iter_bytes():
                    yield from (self._parse_object(event.data) for event in reader.feed(chunk) if event.data)
            except EventTooLargeError as error:
                raise TooLargeError(f"the server sent {error}", "Ask for less at once.") from None
            return
        content = self._read(response)
        if not response.is_success and b'"jsonrpc"' not in content:
            wait = response.headers.get("retry-after")
            raise refusal(response.status_code, content, wait, is_call=is_call)
        yield self._parse_object(content)

    def _result(self, message: Json) -> Json:
        if isinstance(error := message.get("error"), dict):
            raise CallError(error)
        if not isinstance(result := message.get("result"), dict):
            raise self._not_an_ambassador()
        return result

    @contextmanager
    def _stream(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
        *,
        is_call: bool = False,
    ) -> Iterator[httpx.Response]:
        timeout = httpx.Timeout(_CALL_SECONDS if path == MCP else _ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        changing = _change(method, path, body, is_call)
        self.unanswered = changing
        with (
            http_failures(partial(_error_for, self.url, self._tunnel, is_call)),
            self._http.stream(method, path, json=body, headers=headers, timeout=timeout) as response,
        ):
            yield response
        self.unanswered = None
        self.changes += changing is not None and response.is_success

    def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _MAX_BYTES:
                raise TooLargeError("the server's answer is too large", "Ask for less at once.")
        return bytes(content)

    def _parse_object(self, content: bytes) -> Json:
        try:
            return parse_object(content)
        except ValueError as error:
            raise self._not_an_ambassador(f": its answer {error}") from None

    def _not_an_ambassador(self, why: str = "") -> BadAnswerError:
        return BadAnswerError(
            f"{self.url} does not answer like an MCP Ambassador server{why}",
            "Check the address; the default client port is 8443.",
        )


def _answers(asked: Any, answer: Answer | None) -> Json:
    answers: Json = {}
    for key, request in asked.items() if isinstance(asked, dict) else ():
        params = request.get("params") if isinstance(request, dict) else None
        if answer is None or not isinstance(params, dict) or request.get("method") != "elicitation/create":
            raise BadAnswerError(
                "it asks a question that this client cannot answer",
                "Run the command at a terminal.",
            )
        answers[key] = answer(params)
    return answers


def _proxy(tunnel: ProxyTunnel) -> httpx.Proxy:
    headers = {} if tunnel.authorization is None else {"Proxy-Authorization": tunnel.authorization}
    return httpx.Proxy(tunnel.proxy, headers=headers)


def _change(method: str, path: str, body: Mapping[str, Any] | None, is_call: bool) -> str | None:
    """Return the name of a request that changes more than a session of its own; None for others."""
    if is_call and body is not None:
        return f"the call of {body['params'].get('name')}"
    is_session = path in (MCP, REGISTER) or path.startswith(CONNECTIONS)
    return None if method == "GET" or is_session else f"{method} {path}"


_AFTER_SENDING = (FailureKind.TIMEOUT, FailureKind.BROKEN, FailureKind.UNREADABLE)


def _number(error: Json) -> int:
    number = error.get("code")
    return number if isinstance(number, int) else 0


def _error_for(url: str, tunnel: ProxyTunnel | None, is_call: bool, failure: HttpFailure) -> ClientError:
    # Before the first login there is no account, so the command names the server.
    next_step = f"Is the server running? Run: ambassador-client doctor --server {url}"
    if is_call and failure.kind in _AFTER_SENDING:
        return UnreachableError(f"{url} gave no complete answer: {failure.reason}", MAY_HAVE_RUN)
    match failure.kind:
        case FailureKind.TIMEOUT:
            return UnreachableError(f"{url} did not answer in time", next_step)
        case FailureKind.PROXY:
            return UnreachableError(
                f"the HTTP proxy for {url} refused the connection: {failure.reason}",
                "Check HTTPS_PROXY, or set NO_PROXY.",
            )
        case FailureKind.UNTRUSTED:
            return UntrustedCertificateError(
                f"the certificate of {url} is not trusted: {failure.reason}",
                "Name the server's CA with --ca-file, or its fingerprint with --fingerprint.",
            )
        case FailureKind.CERTIFICATE_REFUSED:
            return CertificateRefusedError(f"{url} refuses: {failure.reason}", NEXT_STEP)
        case FailureKind.UNREADABLE:
            return BadAnswerError(f"the answer of {url} cannot be read: {failure.reason}", "")
        case FailureKind.NOT_CONNECTED if tunnel is not None:
            return tunnel.unreachable(failure.reason)
        case FailureKind.BROKEN if url.startswith("http:"):
            next_step = "Is it https://, and is the port right?"
    return UnreachableError(f"cannot reach {url} : {failure.reason}", next_step)
