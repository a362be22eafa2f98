"""The URL of one downstream, and the session, version and secrets that its requests name."""

import asyncio
from collections.abc import Mapping
from typing import Final

from multidict import CIMultiDict

from ambassador_protocol.event_stream import EVENT_STREAM, LAST_EVENT_ID
from ambassador_protocol.mcp import SESSION_HEADER, VERSION_HEADER, is_legacy
from ambassador_server.downstream.http.client import HttpClient, encode_fields
from ambassador_server.downstream.http.connection import NoAnswerError, Response
from ambassador_server.downstream.http.options import (
    CREDENTIALS_REFUSED,
    GATEWAY_FAILURES,
    JSON,
    HttpOptions,
    open_client,
    request_fields,
    status_text,
)
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.credentials import Credential

_FAILURES_TO_OPEN: Final = 3
SEND_SECONDS: Final = 5.0
_DELETE_SECONDS: Final = 2.0
_POST_FIELDS: Final = encode_fields({"Content-Type": JSON, "Accept": f"{JSON}, {EVENT_STREAM}"})
_LISTEN_FIELDS: Final = encode_fields({"Accept": EVENT_STREAM})


class Endpoint:
    """Sends requests to one URL; several failures in a row end it, as the exit of a process does.

    `ended` holds why it ended; pending while it has not. A message can also go to another `target` of the same origin.
    """

    def __init__(self, options: HttpOptions, credential: Credential | None = None) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.session_id: str | None = None
        self._options = options
        self._credential = credential
        self._secrets: Mapping[str, str] = {}
        self._http: HttpClient | None = None
        self._version: str | None = None
        self._fields = b""
        self._failures = 0

    @property
    def has_credential(self) -> bool:
        """Tell whether a credential was lent, besides the secrets of the options."""
        return self._credential is not None

    @property
    def is_legacy(self) -> bool:
        """Tell whether a legacy version was agreed on."""
        return self._version is not None and is_legacy(self._version)

    @property
    def is_modern(self) -> bool:
        """Tell whether the modern version was agreed on."""
        return self._version is not None and not is_legacy(self._version)

    async def open(self) -> None:
        """Read the secrets and certificates; raises DownstreamUnavailableError if one is missing."""
        self._secrets = await request_fields(self._options)
        self._http = open_client(self._options, self._secrets)
        self._send_secrets()

    def use_version(self, version: str) -> None:
        """Name this protocol version in every request from now on."""
        self._version = version
        if not self.is_legacy:
            self.session_id = None
        self._rebuild_fields()

    def use_session(self, session_id: str | None) -> None:
        """Name this session in every request from now on."""
        self.session_id = session_id
        self._rebuild_fields()

    async def post(
        self, body: bytes, fields: bytes = b"", *, is_new: bool = False, target: str | None = None
    ) -> Response:
        """Post a message and return the answer; a new session's request names neither session nor version.

        If secrets are refused and have changed since they were read, the request is repeated with the new ones: a
        downstream that refuses the secrets runs nothing.
        """
        fields = fields if is_new else self._fields + fields
        client = self._client()
        sent = client.fields
        response = await self._post(client, body, fields, target)
        if response.status in CREDENTIALS_REFUSED:
            await self.read_secrets()
            # Another request may have read them meanwhile.
            if client.fields != sent:
                response.close()
                response = await self._post(client, body, fields, target)
        return response

    async def send(self, message: bytes, target: str | None = None) -> None:
        """Post a message to which no answer matters; a failure is ignored."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                response = await self._client().post(_POST_FIELDS + self._fields, message, target)
                response.close()
        except (TimeoutError, DownstreamUnavailableError):
            return

    async def get_stream(self, last_event_id: str = "") -> Response:
        """Ask for the event stream of the session, or for the rest of the stream that had this event."""
        resume = encode_fields({LAST_EVENT_ID: last_event_id}) if last_event_id else b""
        return await self._client().get(_LISTEN_FIELDS + self._fields + resume)

    async def read_secrets(self) -> None:
        """Send the secrets as they are now from now on; raises DownstreamUnavailableError if one is missing."""
        self._secrets = await request_fields(self._options)
        self._send_secrets()

    def use_credential(self, credential: Credential) -> None:
        """Send this credential with every request from now on; raises DownstreamUnavailableError."""
        self._credential = credential
        self._send_secrets()

    def end(self, reason: str) -> None:
        """Say that no request can succeed any more; only the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def close(self) -> None:
        """End the session and close every connection; requests that still wait fail."""
        self.end("was stopped")
        client, self._http = self._http, None
        if client is None:
            return
        try:
            if self.session_id is not None:
                await self._delete_session(client)
        finally:
            await client.close()

    def _client(self) -> HttpClient:
        if self._http is None:
            raise DownstreamUnavailableError(self.ended.result() if self.ended.done() else "is not started")
        return self._http

    def _send_secrets(self) -> None:
        """Send the secrets of the options and the credential with every request from now on."""
        if self._http is None:
            return
        if self._credential is None:
            self._http.use_fields(self._secrets)
            return
        fields = CIMultiDict(self._secrets)
        fields.update(self._credential.headers)
        self._http.use_fields(fields)
        self._http.use_query(self._credential.query)

    def _rebuild_fields(self) -> None:
        fields = {VERSION_HEADER: self._version, SESSION_HEADER: self.session_id}
        self._fields = encode_fields({name: value for name, value in fields.items() if value is not None})

    async def _post(self, client: HttpClient, body: bytes, fields: bytes, target: str | None) -> Response:
        try:
            response = await client.post(_POST_FIELDS + fields, body, target)
        except NoAnswerError as error:
            self._failed(error.message)
            raise
        if response.status in GATEWAY_FAILURES:
            self._failed(status_text(response.status))
        else:
            self._failures = 0
        return response

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= _FAILURES_TO_OPEN:
            self.end(reason)

    async def _delete_session(self, client: HttpClient) -> None:
        try:
            async with asyncio.timeout(_DELETE_SECONDS):
                response = await client.delete(self._fields)
                response.close()
        except (TimeoutError, DownstreamUnavailableError):
            return
