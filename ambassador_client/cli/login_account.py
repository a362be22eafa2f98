"""The account that a login is saved as: one of another user or server is never replaced unless that is asked for."""

import itertools
from collections.abc import Mapping
from typing import Any

from ambassador_client.account.account_store import LONGEST_NAME, Account, AccountStore
from ambassador_client.account.client_certificate import CertificatePlace
from ambassador_client.errors import ConflictError

_KEEP_BOTH = "Keep both with --account NAME, or add --replace."


class LoginAccount:
    """Saves a login at `server` as the account `name`.

    `ca_pem` are the certificates of its server; `certificate` is where that of the client is, and
    `kept_certificate` where the account has it already.

    Raises ConflictError if the account is for another server and `replace_other` is false.
    """

    def __init__(
        self, store: AccountStore, name: str, server: str, *, replace_other: bool, make_default: bool
    ) -> None:
        self.ca_pem: str | None = None
        self.previous_default = store.default()
        self._store = store
        self._name = name
        self._server = server
        self._make_default = make_default
        self._others = {each.name: each for each in store.all()}
        self._known = None if replace_other else self._others.get(name)
        if self._known is not None and self._known.server != server:
            raise ConflictError(
                f"account {name} is {self._known.identity}; this login is for {server}", _KEEP_BOTH
            )
        self.certificate: CertificatePlace | None = None
        self.kept_certificate = None if self._known is None else self._known.certificate

    def save(self, key: str | None, me: Mapping[str, Any]) -> tuple[Account, str | None]:
        """Save the account of the user `me` and return it and the place of its key; raises ConflictError.

        Without a key, the certificate stands alone.
        """
        account = self._account(self._name, me)
        if self._known is not None and self._known.user not in ("", account.user):
            raise ConflictError(
                f"account {self._name} is {self._known.identity}; this login is of {account.identity}",
                _KEEP_BOTH,
            )
        return self._write(account, key, make_default=self._make_default)

    def save_enrolled(self, key: str, me: Mapping[str, Any]) -> None:
        """Save a key that a one-time code was exchanged for: under another name before it is refused as `save` does.

        The code cannot be used again, so its key must not be lost.
        """
        try:
            self.save(key, me)
        except ConflictError as error:
            account = self._account(self._free_name(str(me.get("user"))), me)
            self._write(account, key, make_default=False)
            raise ConflictError(
                error.cause,
                f"The key is saved as account {account.name}; run: ambassador-client account use {account.name}",
            ) from None

    def _write(self, account: Account, key: str | None, *, make_default: bool) -> tuple[Account, str | None]:
        known = self._store.find(account.name)
        return self._store.credentials().put_with_record(
            account.name,
            key,
            lambda: self._store.save(account, ca_pem=self.ca_pem, make_default=make_default),
            is_other_server=known is not None and known.server != account.server,
        )

    def _account(self, name: str, me: Mapping[str, Any]) -> Account:
        key = me.get("key") or {}
        kept = self.kept_certificate if name == self._name else None  # another account is of another user
        place = self.certificate or kept or (None, None, None)
        return Account(
            name=name,
            server=self._server,
            user=str(me.get("user")),
            key_id=str(key.get("id", "")),
            key_name=str(key.get("name", "")),
            key_expires_at=key.get("expires_at"),
            cert_file=place[0],
            cert_key_file=place[1],
            cert_passphrase=place[2],
        )

    def _free_name(self, user: str) -> str:
        """Return the names of the user and of the account, with a number where there is such an account."""
        letters = "".join(char for char in user if char.isascii() and (char.isalnum() or char in "._-"))
        wanted = f"{letters.lstrip('._-') or 'other'}@{self._name}"[: LONGEST_NAME - 5]
        names = itertools.chain([wanted], (f"{wanted}-{number}" for number in itertools.count(2)))
        return next(name for name in names if name not in self._others)
