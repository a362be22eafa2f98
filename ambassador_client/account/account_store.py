"""The accounts of this user: the servers they have logged in to, and the default account."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ambassador_client.account.atomic_files import remove_private_file, write_private_file
from ambassador_client.account.client_certificate import CertificatePlace
from ambassador_client.errors import SettingsError
from ambassador_protocol.json_text import parse_object

if TYPE_CHECKING:
    from ambassador_client.account.credentials import CredentialStore

LONGEST_NAME = 64

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@:-]{{0,{LONGEST_NAME - 1}}}")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One login: its server, the CA file of the server, and the description of the key; not the key itself.

    `cert_file` and `cert_key_file` are the client certificate and its key, where they were at the login;
    `cert_passphrase` is the reference of the passphrase.
    """

    name: str
    server: str
    user: str = ""
    key_id: str = ""
    key_name: str = ""
    key_expires_at: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    cert_key_file: str | None = None
    cert_passphrase: str | None = None

    @property
    def is_keyless(self) -> bool:
        """Tell whether the certificate stands alone."""
        return self.cert_file is not None and not self.key_id

    @property
    def certificate(self) -> CertificatePlace | None:
        """Return where the client certificate is; None without one."""
        if self.cert_file is None:
            return None
        return CertificatePlace(self.cert_file, self.cert_key_file, self.cert_passphrase)

    @property
    def label(self) -> str:
        """Return a name for the key, usable without reading the key from the keyring."""
        return f"{self.name} {self.key_id}"

    @property
    def identity(self) -> str:
        """Return the user and the server."""
        return f"{self.user or 'an unknown user'} at {self.server}"


class AccountStore:
    """The accounts in one file of a private directory; every method raises SettingsError if the file is unusable."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / "accounts.json"

    def mark(self) -> tuple[int, ...] | None:
        """Return a value that another login, logout or rotation changes, without reading the file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def all(self) -> list[Account]:
        """Return the accounts, sorted by name."""
        return [account for _, account in sorted(self._read()[1].items())]

    def default(self) -> str | None:
        """Return the name of the default account, or None."""
        return self._read()[0]

    def find(self, name: str | None) -> Account | None:
        """Return the account of this name, or the default account for None; None if it does not exist."""
        default, accounts = self._read()
        return accounts.get(name or default or "")

    def get(self, name: str | None) -> Account:
        """Return the account of this name, or the default account for None; raises SettingsError if there is none."""
        account = self.find(name)
        if account is None:
            raise self._missing(name)
        return account

    def _missing(self, name: str | None) -> SettingsError:
        # Imported here: a relay with its account never needs it.
        from difflib import get_close_matches  # noqa: PLC0415

        if name is None:
            return SettingsError("you are not logged in", "Run: ambassador-client login URL")
        near = get_close_matches(name, self._read()[1])
        return SettingsError(
            f"there is no account {name!r}",
            f"Did you mean {' or '.join(near)}?" if near else "Run: ambassador-client login URL",
        )

    def save(self, account: Account, *, ca_pem: str | None = None, make_default: bool = True) -> Account:
        """Save the account, replacing one of the same name, and the CA certificates of its server, PEM."""
        check_name(account.name)
        default, accounts = self._read()
        if ca_pem is not None:
            ca_file = self.directory / f"{account.name.replace(':', '_')}.ca.pem"
            write_private_file(ca_file, ca_pem)
            account = Account(**{**asdict(account), "ca_file": str(ca_file)})
        accounts[account.name] = account
        self._write(account.name if make_default or default not in accounts else default, accounts)
        return account

    def use(self, name: str) -> Account:
        """Make an account the default."""
        account = self.get(name)
        self._write(account.name, self._read()[1])
        return account

    def remove(self, name: str) -> None:
        """Delete an account; if it was the default, the first of the others becomes the default."""
        default, accounts = self._read()
        removed = accounts.pop(name, None)
        if removed is not None and removed.ca_file is not None:
            remove_private_file(Path(removed.ca_file))
        self._write(default if default in accounts else next(iter(sorted(accounts)), None), accounts)

    def credentials(self) -> "CredentialStore":
        """Return the store of the accounts' keys."""
        # Imported here: a relay without an account never needs it.
        from ambassador_client.account.credentials import CredentialStore  # noqa: PLC0415

        return CredentialStore(self.directory)

    def _read(self) -> tuple[str | None, dict[str, Account]]:
        try:
            with self._path.open("rb") as file:
                content = parse_object(file.read(_MAX_BYTES))
            accounts = {name: _account(name, each) for name, each in content["accounts"].items()}
            default = content.get("default")
        except (FileNotFoundError, NotADirectoryError):
            return None, {}
        except OSError as error:
            raise SettingsError(
                f"cannot read {self._path}: {error.strerror}", "Check its owner and mode."
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SettingsError(f"{self._path} is damaged", "Delete it and log in again.") from error
        return (default if default in accounts else None), accounts

    def _write(self, default: str | None, accounts: Mapping[str, Account]) -> None:
        members = {name: asdict(account) for name, account in sorted(accounts.items())}
        write_private_file(self._path, json.dumps({"default": default, "accounts": members}, indent=2) + "\n")


def check_name(name: str) -> str:
    """Return the name if it is a valid account name; raises SettingsError."""
    if _NAME.fullmatch(name) is None:
        raise SettingsError(
            f"{name!r} is not a valid account name", "Use at most 64 letters, digits and . _ @ : -"
        )
    return name


def _account(name: str, members: Mapping[str, Any]) -> Account:
    known = {field.name for field in fields(Account)}
    strings = {key: value for key, value in members.items() if key in known and key != "name"}
    if not all(value is None or isinstance(value, str) for value in strings.values()):
        raise TypeError
    return Account(name=name, **strings)
