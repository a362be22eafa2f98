"""`hashicorp://MOUNT/PATH#FIELD`: a field of a secret in HashiCorp Vault, in its key-value engine of version 2.

The environment of the server says which Vault, as for HashiCorp's own programs: VAULT_ADDR, VAULT_NAMESPACE,
VAULT_CACERT, and VAULT_TOKEN, or VAULT_TOKEN_FILE for a file that an agent renews. A slash in the name of a mount is
written %2F.
"""

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR, socket
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from ambassador_protocol.references import MAX_SECRET_BYTES, SecretReferenceError
from ambassador_protocol.server_urls import parse_server_url
from ambassador_protocol.tls import client_context
from ambassador_server.secret_stores import VAULT_TOKEN, VAULT_TOKEN_FILE

WAITS: Final = True
SECONDS: Final = 5.0
"""How long one secret is waited for."""
KEPT_SECONDS: Final = 2.0
"""How long an answer is used again, so that many programs that start together ask once."""
_MOST_KEPT: Final = 256
_LARGEST_ANSWER: Final = 1024 * 1024
_DEFAULT_PORT: Final = 443


class _Place(NamedTuple):
    """Where a secret is, as parts of a URL, and which of its fields is meant."""

    mount: str
    path: str
    field: str


class _Vault(NamedTuple):
    """What the environment says about the Vault; `ca_file` None trusts the authorities of the system."""

    address: str
    namespace: str
    token: str
    ca_file: str | None


Fields = Mapping[str, Any]


def check(place: str) -> None:
    """Raise SecretReferenceError for a place that names no field of a secret; asks no Vault."""
    _parsed(place)


def resolve(place: str) -> str:
    """Return the value of the field as it is now, or was two seconds ago; raises SecretReferenceError."""
    parsed = _parsed(place)
    try:
        found = _answers.get((_vault(), parsed.mount, parsed.path), _read).get(parsed.field)
    except _UnreadableError as error:
        raise SecretReferenceError(f"hashicorp://{place} cannot be read: {error}") from None
    if found is None:
        raise SecretReferenceError(
            f"hashicorp://{place} cannot be read: the secret has no field {parsed.field!r}"
        )
    if not isinstance(found, str) or not found or len(found.encode(errors="replace")) > MAX_SECRET_BYTES:
        raise SecretReferenceError(
            f"hashicorp://{place} is not a text, is empty, or is larger than {MAX_SECRET_BYTES} bytes"
        )
    return found


class _UnreadableError(Exception):
    """A secret cannot be read; the text has nothing of the answer."""


def _parsed(place: str) -> _Place:
    where, _, name = place.partition("#")
    mount, *path = [unquote(segment) for segment in where.split("/")]
    names = (*mount.split("/"), *path)
    if not path or not name or not place.isprintable() or any(part.strip(".") == "" for part in names):
        raise SecretReferenceError(
            "A reference to HashiCorp Vault is hashicorp://MOUNT/PATH#FIELD, without empty parts and '..'"
        )
    if not all(part.isprintable() for part in names):
        raise SecretReferenceError("A reference to HashiCorp Vault has no control characters")
    return _Place(quote(mount, safe="/"), "/".join(quote(part, safe="") for part in path), name)


def _vault() -> _Vault:
    address = os.environ.get("VAULT_ADDR", "").strip()
    if not address:
        raise _UnreadableError("VAULT_ADDR is not set in the server's environment")
    try:
        address = parse_server_url(address, _DEFAULT_PORT)
    except ValueError as error:
        raise _UnreadableError(f"VAULT_ADDR: {error}") from None
    return _Vault(
        address,
        os.environ.get("VAULT_NAMESPACE", "").strip().strip("/"),
        _token(),
        os.environ.get("VAULT_CACERT") or None,
    )


def _token() -> str:
    """Return the token, that of the file as it is now."""
    token = os.environ.get(VAULT_TOKEN, "")
    file = os.environ.get(VAULT_TOKEN_FILE, "")
    if not token and file:
        try:
            with open(file, encoding="utf-8") as opened:
                token = opened.read(MAX_SECRET_BYTES)
        except (OSError, UnicodeError):
            raise _UnreadableError(f"the file that {VAULT_TOKEN_FILE} names cannot be read") from None
    token = token.strip()
    if not token:
        raise _UnreadableError(f"neither {VAULT_TOKEN} nor {VAULT_TOKEN_FILE} gives a token")
    if not token.isascii() or not token.isprintable():
        raise _UnreadableError("the token is not one line of ASCII text")
    return token


_Key = tuple[_Vault, str, str]


@dataclass
class _Kept:
    """The last answer about one secret, or why there was none."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    until: float = 0.0
    answer: Fields | str = ""


class _Answers:
    """Keeps answers for a short time; one thread asks for a secret while the others wait for its answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    def get(self, key: _Key, read: Callable[[_Vault, str, str], Fields]) -> Fields:
        """Return the fields of a secret; raises _UnreadableError."""
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        with kept.lock:
            if time.monotonic() >= kept.until:
                try:
                    kept.answer = read(*key)
                except _UnreadableError as error:
                    kept.answer = str(error)
                kept.until = time.monotonic() + KEPT_SECONDS
            if isinstance(kept.answer, str):
                raise _UnreadableError(kept.answer)
            return kept.answer


_answers = _Answers()


def _read(vault: _Vault, mount: str, path: str) -> Fields:
    status, body = _get(vault, f"/v1/{mount}/data/{path}")
    if status == 404:
        raise _UnreadableError("the Vault has no such secret, or its newest version is deleted")
    if status == 403:
        raise _UnreadableError("the Vault refuses the token, or the token may not read this path (HTTP 403)")
    if status == 503:
        raise _UnreadableError("the Vault is sealed or in maintenance (HTTP 503)")
    if 300 <= status < 400:
        raise _UnreadableError(f"the Vault answers with HTTP {status}; redirects are not followed")
    if status != 200:
        raise _UnreadableError(f"the Vault answers with HTTP {status}")
    return _fields(body)


def _fields(body: bytes) -> Fields:
    """Return the fields in the answer of the engine of version 2, which has them beside their metadata."""
    try:
        data = json.loads(body)["data"]
        fields, _ = data["data"], data["metadata"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise _UnreadableError("its answer is not that of a key-value engine of version 2") from None
    if not isinstance(fields, dict):
        raise _UnreadableError("the Vault has no such secret, or its newest version is deleted")
    return fields


def _get(vault: _Vault, path: str) -> tuple[int, bytes]:
    """Return the status and the body of the answer."""
    connection = _connection(vault)
    deadline = _Deadline(connection)
    try:
        connection.request("GET", f"{urlsplit(vault.address).path}{path}", headers=_headers(vault))
        response = connection.getresponse()
        body = response.read(_LARGEST_ANSWER + 1)
    except (OSError, HTTPException, ValueError) as error:
        if deadline.has_passed or isinstance(error, TimeoutError):
            raise _late() from None
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _UnreadableError(f"the Vault at {vault.address} cannot be asked: {reason}") from None
    finally:
        deadline.end()
        connection.close()
    if deadline.has_passed:
        raise _late()
    if len(body) > _LARGEST_ANSWER:
        raise _UnreadableError(f"the Vault answers with more than {_LARGEST_ANSWER} bytes")
    if response.length:
        raise _UnreadableError("the answer of the Vault ended too early")
    return response.status, body


class _Deadline:
    """Cuts a connection off in time; the timeout of a socket is only for the next byte."""

    def __init__(self, connection: HTTPConnection) -> None:
        self.has_passed = False
        self._connection = connection
        self._timer = threading.Timer(SECONDS, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.has_passed = True
        open_socket = self._connection.sock
        if open_socket is not None:
            with suppress(OSError):
                # Of the socket below TLS: a connection of TLS would wait for the thread that reads from it.
                socket.shutdown(open_socket, SHUT_RDWR)


def _late() -> _UnreadableError:
    return _UnreadableError(f"the Vault did not answer within {SECONDS:g} seconds")


def _connection(vault: _Vault) -> HTTPConnection:
    address = urlsplit(vault.address)
    host, port = address.hostname or "", address.port
    if address.scheme == "http":
        return HTTPConnection(host, port, timeout=SECONDS)
    try:
        return HTTPSConnection(host, port, timeout=SECONDS, context=client_context(cafile=vault.ca_file))
    except OSError as error:
        raise _UnreadableError(f"VAULT_CACERT cannot be used: {error.strerror or error}") from None


def _headers(vault: _Vault) -> dict[str, str]:
    # A Vault that demands it answers only requests with this header, which no other site can make a browser send.
    headers = {"Accept": "application/json", "X-Vault-Request": "true", "X-Vault-Token": vault.token}
    return headers | ({"X-Vault-Namespace": vault.namespace} if vault.namespace else {})
