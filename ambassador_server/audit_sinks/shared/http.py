"""Sends batches of records by POST and tells from the answer whether to send them again."""

import asyncio
import gzip
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import NoReturn

import aiohttp

from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.errors import SinkRefusedError, SinkUnavailableError

_LARGEST_ANSWER = 4096
_COMPRESSION_LEVEL = 5
_BLAMES_RECORDS = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Statuses that blame the records; all others blame the address or the credential, which a person can correct."""


class Poster:
    """Sends bodies to one URL over one connection; the session is made on first use, inside the running loop.

    One that `compresses` sends them with gzip.
    """

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext,
        *,
        is_about_records: Callable[[int, bytes], bool] = lambda status, _: status in _BLAMES_RECORDS,
        compresses: bool = False,
    ) -> None:
        self._url = url
        self._tls = tls
        self._is_about_records = is_about_records
        self._compresses = compresses
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Return the beginning of the answer if it is 2xx; else raises SinkRefusedError or SinkUnavailableError."""
        if self._compresses:
            body = await off_loop(gzip.compress, body, _COMPRESSION_LEVEL)
            headers = {**headers, "Content-Encoding": "gzip"}
        try:
            async with self._open().post(
                self._url, data=BytesIO(body), headers=headers, allow_redirects=False, ssl=self._tls
            ) as answer:
                text = await _read_limited(answer)
                if not 200 <= answer.status < 300:
                    self._refuse(answer, text)
                return text
        except (aiohttp.ClientError, OSError) as error:
            raise SinkUnavailableError(_describe(error)) from error

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # The caller sets the deadline; no proxy from the environment and no cookie from the receiver is used.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1),
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _refuse(self, answer: aiohttp.ClientResponse, text: bytes) -> NoReturn:
        words = f"the receiver answers {answer.status}"
        if self._is_about_records(answer.status, text):
            raise SinkRefusedError(words)
        raise SinkUnavailableError(words, retry_after=_retry_after(answer))


async def _read_limited(answer: aiohttp.ClientResponse) -> bytes:
    text = bytearray()
    while len(text) < _LARGEST_ANSWER:
        part = await answer.content.read(_LARGEST_ANSWER - len(text))
        if not part:
            return bytes(text)
        text += part
    # The rest of a long answer is not read, so the connection cannot be used again.
    answer.close()
    return bytes(text)


def _retry_after(answer: aiohttp.ClientResponse) -> float:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0


def _describe(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the receiver's certificate is not trusted: {error.certificate_error}"
    if isinstance(error, asyncio.TimeoutError):
        return "the receiver does not answer"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the receiver closed the connection"
    return f"the receiver cannot be reached: {error}"
