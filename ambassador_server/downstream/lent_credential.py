"""The credential that one connection uses, and the mask that hides its values in whatever is shown."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import quote

from ambassador_server.domain.catalog.credential_needs import NO_CREDENTIALS
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.secrets.marks import REDACTED
from ambassador_server.errors import AmbassadorError, CredentialRefusedError, DownstreamUnavailableError
from ambassador_server.ports.credentials import Credential, CredentialLender, Missing

NOBODY: Final = ""
"""The id that stands for this server where a lender wants that of a user."""

_SHORTEST = 4
"""A shorter value is no secret, and would mask parts of other words."""
_SHORTEST_IN_LISTS = 8
"""A shorter value may be a word that a list has by chance."""
_MOST_WORDS = 200
"""A connection may get a new token every few minutes; the values of the latest ones are hidden."""


class LentCredential:
    """The credential that a connection uses now, or None, and the mask of the values that it has used.

    It outlives the sessions of the connection: each uses the latest credential. `mask` hides other secrets.
    """

    def __init__(self, credential: Credential | None, mask: Callable[[str], str] = str) -> None:
        self.current = credential
        self._use: Callable[[Credential], bool] | None = None
        self._mask = mask
        self._words: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        self._learn()

    def is_current(self, credential: Credential) -> bool:
        """Tell whether these values are in use; users to whom they are lent have an object each."""
        return credential is self.current or credential == self.current

    def replace(self, credential: Credential) -> bool:
        """Use this credential from now on; return False if only another session can use it.

        Raises DownstreamUnavailableError if it cannot be sent.
        """
        self.current = credential
        self._learn()
        return self._use is None or self._use(credential)

    def follow(self, use: Callable[[Credential], bool]) -> None:
        """Call the function of the newest session with each credential from now on."""
        self._use = use

    def mask(self, text: str) -> str:
        """Return a text without any secret."""
        # The values first: a mask that knows only their shape could hide a part of one, and show the rest.
        return self._mask(self.hide(text))

    def hide(self, text: str) -> str:
        """Return a text without the values of the credential."""
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)

    def is_in(self, text: bytes) -> bool:
        """Tell whether a text that others will read has a value of the credential."""
        return any(len(word) >= _SHORTEST_IN_LISTS and word.encode() in text for word in self._words)

    def _learn(self) -> None:
        if self.current is None or not self.current.secrets:
            return
        for secret in self.current.secrets:
            self._words.update(dict.fromkeys(_forms(secret)))
        self._words = dict.fromkeys(list(self._words)[-_MOST_WORDS:])
        if self._words:
            longest_first = sorted(self._words, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))


class OwnCredentials:
    """Lends the connections of this server itself what all users of an MCP share, or what is for listing alone."""

    def __init__(self, lender: CredentialLender) -> None:
        self._lender = lender

    async def renew(self, mcp: Mcp, used: LentCredential) -> None:
        """Use the credential as it is now, if the MCP needs one; raises DownstreamUnavailableError without one."""
        if mcp.credentials is NO_CREDENTIALS:
            return
        lent = await self._lender.for_listing(mcp)
        if isinstance(lent, Missing):
            what = f"the value of {', '.join(lent.fields)}" if lent.fields else "the access token"
            raise DownstreamUnavailableError(f"{what} that all users share cannot be had ({lent.because})")
        _ = used.replace(lent)

    async def failed(self, mcp: Mcp, used: Credential | None, error: BaseException) -> None:
        """Tell the lender if the credential was refused, so that the next attempt may get another one."""
        if used is not None and isinstance(error, CredentialRefusedError):
            with suppress(AmbassadorError):
                _ = await self._lender.refused(NOBODY, mcp, used, error.challenge)


def longest_secret(credential: Credential | None) -> int:
    """Return the size in bytes of the longest value that has to be masked."""
    return max((len(secret.encode()) for secret in credential.secrets), default=0) if credential else 0


def _forms(secret: str) -> Iterator[str]:
    """Yield what a value looks like in output: as it is, line by line, in JSON and in a URL."""
    printable = "".join(character if character.isprintable() else " " for character in secret)
    lines = [line.strip() for line in secret.splitlines()]
    for form in (secret, printable, *lines, json.dumps(secret)[1:-1], quote(secret, safe="")):
        if len(form) >= _SHORTEST:
            yield form
