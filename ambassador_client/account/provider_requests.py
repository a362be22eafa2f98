"""Requests of a command to the provider where its user signs in; what comes back is never written anywhere."""

import os
import queue
from collections.abc import Mapping
from functools import partial
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

from ambassador_client.account.http_failures import FailureKind, HttpFailure, http_failures
from ambassador_client.account.proxy_tunnel import tunnel_to
from ambassador_client.account.tls import ssl_context
from ambassador_client.errors import (
    BadAnswerError,
    ClientError,
    TooLargeError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_protocol import __version__
from ambassador_protocol.json_text import parse_object

_SECONDS: Final = 20.0
_MAX_BYTES: Final = 1 << 20


def post_form(url: str, fields: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Send a form and return the status and the JSON object of the answer; no redirect is followed.

    Raises UnreachableError, also for an answer that is not complete after 20 seconds, UntrustedCertificateError,
    BadAnswerError or TooLargeError.
    """
    done: queue.SimpleQueue[tuple[int, dict[str, Any]] | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            done.put(_post(url, fields))
        except Exception as error:
            done.put(error)

    # In a thread: the limits of httpx are for single packets, so an answer of many would never be late.
    Thread(target=work, daemon=True).start()
    try:
        outcome = done.get(timeout=_SECONDS)
    except queue.Empty:
        raise _too_slow(_host(url)) from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _post(url: str, fields: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    import httpx  # noqa: PLC0415 - not imported by the relay

    host = _host(url)
    tunnel = tunnel_to(url, os.environ)
    # An answer of few bytes cannot become a large one: what comes compressed all the same is no JSON.
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"ambassador/{__version__}",
    }
    proxied = None if tunnel is None else _proxied(tunnel.proxy, tunnel.authorization)
    with (
        http_failures(partial(_error_for, host)),
        httpx.Client(
            verify=ssl_context(ca_file=None), timeout=_SECONDS, proxy=proxied, trust_env=False
        ) as http,
        http.stream("POST", url, data=dict(fields), headers=headers) as response,
    ):
        content = bytearray()
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > _MAX_BYTES:
                raise TooLargeError(f"the answer of the provider at {host} is too large")
    try:
        return response.status_code, parse_object(bytes(content))
    except ValueError:
        raise _no_object(host, response.status_code) from None


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _no_object(host: str, status: int) -> ClientError:
    if status >= 500:
        return UnreachableError(f"the provider at {host} answered HTTP {status}", "Try again in a minute.")
    return BadAnswerError(
        f"the provider at {host} answered HTTP {status} without a JSON object",
        "Ask your administrator to check the issuer.",
    )


def _proxied(proxy: str, authorization: str | None) -> Any:
    import httpx  # noqa: PLC0415 - not imported by the relay

    return httpx.Proxy(proxy, headers={} if authorization is None else {"Proxy-Authorization": authorization})


def _error_for(host: str, failure: HttpFailure) -> ClientError:
    if failure.kind is FailureKind.UNTRUSTED:
        return UntrustedCertificateError(
            f"the certificate of the provider at {host} is not trusted: {failure.reason}",
            "Its CA has to be among those of this machine.",
        )
    if failure.kind is FailureKind.TIMEOUT:
        return _too_slow(host)
    return _unreachable(host, failure.reason)


def _too_slow(host: str) -> UnreachableError:
    return _unreachable(host, "it did not answer in time")


def _unreachable(host: str, why: str) -> UnreachableError:
    return UnreachableError(f"cannot reach the provider at {host}: {why}", "Check the network and try again.")
