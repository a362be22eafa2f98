"""How the requests of a relay prove who sends them: by the token of a session, or by the client certificate alone."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from ambassador_client.account.session_cache import Slot
from ambassador_client.errors import ServerRefusedError
from ambassador_client.link import session_api
from ambassador_client.link.http_client import HttpClient
from ambassador_client.proxy.key_source import KeySource
from ambassador_client.proxy.message import Headers
from ambassador_protocol.paths import SESSION_TOKEN_HEADER

_NO_TOKEN: Final = ""


class Proof(Protocol):
    """A proof that the server accepts; `token` is None while there is none, and changes with every new one."""

    @property
    def token(self) -> str | None:
        """Return the token of the requests, empty if they need none."""

    @property
    def headers(self) -> Headers:
        """Return the headers that prove who sends a request."""

    async def is_good(self, http: HttpClient) -> bool:
        """Ask the server whether the proof still holds. Raises LinkError."""

    async def obtain(self, http: HttpClient) -> None:
        """Get a new proof. Raises ClientError."""

    def drop(self) -> None:
        """Forget a proof that the server no longer accepts."""

    def has_other_key(self, *, is_refused: bool) -> bool:
        """Tell whether another key or certificate took the place of the one in use, or anything of one refused."""

    async def end(self, http: HttpClient) -> None:
        """Tell the server that the proof is not needed any more. Raises LinkError."""


class SessionProof:
    """A session that the preshared key opens; a killed process leaves it in its slot for the next one."""

    def __init__(
        self, key: KeySource, claim: Callable[[], Slot], mark: Callable[[], object] = lambda: None
    ) -> None:
        """`claim` returns a free slot of the key that is saved now.

        `mark` returns at once a value that changes when the certificate beside the key is replaced.
        """
        self._key = key
        self._claim = claim
        self._mark_now = mark
        self._mark = mark()
        self._slot = claim()
        self._registration = self._slot.load()

    @property
    def token(self) -> str | None:
        """Return the session token."""
        return None if self._registration is None else self._registration.session_token

    @property
    def headers(self) -> Headers:
        """Return the header with the session token."""
        return [(SESSION_TOKEN_HEADER, self.token or _NO_TOKEN)]

    async def is_good(self, http: HttpClient) -> bool:
        """Send a heartbeat."""
        return self.token is not None and await session_api.heartbeat(http, self.token)

    async def obtain(self, http: HttpClient) -> None:
        """Register a session."""
        self._mark = self._mark_now()
        if self._key.note():
            # Commands look for sessions by their key.
            self._slot.clear()
            self._slot.release()
            self._slot = self._claim()
        # A keyring may wait for its owner; the thread keeps the relay responsive.
        identity = await asyncio.to_thread(self._key.read)
        self._registration = await session_api.register(http, identity)
        self._slot.store(self._registration)

    def drop(self) -> None:
        """Forget the session."""
        self._registration = None

    def has_other_key(self, *, is_refused: bool) -> bool:
        """Look at what is saved on this machine."""
        if self._mark_now() != self._mark:
            return True
        return self._key.may_differ() if is_refused else self._key.is_replaced()

    async def end(self, http: HttpClient) -> None:
        """End the session; if that fails, it stays in the slot."""
        if self._registration is not None:
            await session_api.disconnect(http, self._registration)
            self._slot.clear()


class CertificateProof:
    """The certificate of the connection, which stands alone: there is no key, and so no session."""

    headers: Headers = ()

    def __init__(self, mark: Callable[[], object] = lambda: None) -> None:
        """`mark` returns at once a value that changes when the certificate is replaced."""
        self._is_accepted = False
        self._mark_now = mark
        self._mark = mark()

    @property
    def token(self) -> str | None:
        """Return an empty token once the server has accepted the certificate."""
        return _NO_TOKEN if self._is_accepted else None

    async def is_good(self, http: HttpClient) -> bool:
        """Ask the server who we are; a certificate that is refused has to be looked at again."""
        if not self._is_accepted:
            return False
        try:
            await session_api.who_am_i(http)
        except ServerRefusedError as error:
            if error.status == 401:
                return False
            raise
        return True

    async def obtain(self, http: HttpClient) -> None:
        """Ask the server who we are. Raises ServerRefusedError with its reason for refusing the certificate."""
        self._mark = self._mark_now()
        await session_api.who_am_i(http)
        self._is_accepted = True

    def drop(self) -> None:
        """Take the certificate for refused, until the server says otherwise."""
        self._is_accepted = False

    def has_other_key(self, *, is_refused: bool) -> bool:
        """Tell whether the certificate was replaced: many live shortly, and the new one goes on for the old one."""
        return self._mark_now() != self._mark

    async def end(self, http: HttpClient) -> None:
        """Do nothing: the server holds nothing for a certificate."""
