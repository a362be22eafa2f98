"""The client's settings, read from flags, environment, configuration file and account, in this order."""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ambassador_client.account import setting_parsers
from ambassador_client.account.account_store import Account, AccountStore
from ambassador_client.account.client_certificate import ClientCertificate, certificate_of
from ambassador_client.account.paths import config_directory
from ambassador_client.account.setting_sources import Flags, SettingSources, read_config
from ambassador_client.errors import NoCredentialsError, SettingsError
from ambassador_protocol.references import SecretReferenceError, resolve_reference
from ambassador_protocol.sessions import RegisterRequest

_MAX_NAME = 128


class Credential(NamedTuple):
    """A key that is read when needed; `label` identifies it, `place` describes where it is stored.

    `reveal` returns the key; it may block while a keyring asks its owner. Raises NoCredentialsError, SettingsError.
    `mark` returns at once a value that changes when the key may have been replaced; `label_now` returns the label of
    the key that is saved now, None if there is none, or one for another server.
    """

    label: str
    place: str
    reveal: Callable[[], str]
    mark: Callable[[], object] = lambda: None
    label_now: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The validated settings. `server_url` has scheme, host and port, and no slash at the end.

    Without a `credential` the certificate stands alone.
    """

    server_url: str
    credential: Credential | None = field(repr=False)
    friendly_name: str
    host_tool: str
    heartbeat_seconds: float
    allow_self_signed: bool
    ca_file: Path | None
    fingerprint: str | None = None
    account: Account | None = None
    certificate: ClientCertificate | None = None

    @property
    def preshared_key(self) -> str | None:
        """Return the key; None where the certificate stands alone. Raises NoCredentialsError or SettingsError."""
        return None if self.credential is None else self.credential.reveal()

    @property
    def identity(self) -> RegisterRequest:
        """Return the registration request of this client; reads the key. Raises NoCredentialsError without one."""
        if (key := self.preshared_key) is None:
            raise _no_key()
        return RegisterRequest(preshared_key=key, friendly_name=self.friendly_name, host_tool=self.host_tool)

    @property
    def is_encrypted(self) -> bool:
        """Tell whether the server is reached over TLS."""
        return self.server_url.startswith("https:")


def load_settings(flags: Flags, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; raises SettingsError or NoCredentialsError that names the wrong place."""
    sources = SettingSources(flags, environ, {} if flags.config is None else read_config(flags.config))
    account = _account(sources, environ)
    server_url = _server_url(sources, account)
    if account is not None and account.server != server_url:
        account = None  # its key and its certificates are only for its own server
    ca_file = sources.take("ca_file", setting_parsers.parse_path, None)
    if ca_file is None and account is not None and account.ca_file is not None:
        ca_file = Path(account.ca_file)
    certificate = _certificate(sources, environ, account)
    return Settings(
        server_url=server_url,
        credential=_credential(sources, environ, account, certificate, server_url),
        friendly_name=_friendly_name(sources, environ),
        host_tool=sources.take("host_tool", setting_parsers.parse_host_tool, "custom"),
        heartbeat_seconds=sources.take(
            "heartbeat_interval_seconds", setting_parsers.parse_heartbeat, setting_parsers.HEARTBEAT_SECONDS
        ),
        allow_self_signed=sources.take("allow_self_signed", setting_parsers.parse_bool, False),
        ca_file=ca_file,
        fingerprint=sources.take("fingerprint", setting_parsers.parse_fingerprint, None),
        account=account,
        certificate=certificate,
    )


def _certificate(
    sources: SettingSources, environ: Mapping[str, str], account: Account | None
) -> ClientCertificate | None:
    is_overridden = sources.find("client_cert") is not None and not _names_account(sources)
    if account is not None and account.cert_file is not None and not is_overridden:
        return account_certificate(account, environ)
    named = ("client_cert", "client_key", "client_key_passphrase")
    cert, key, passphrase = (sources.take(name, setting_parsers.parse_text, None) for name in named)
    return certificate_of(cert, key, passphrase, environ)


def account_certificate(account: Account, environ: Mapping[str, str]) -> ClientCertificate | None:
    """Return the client certificate of an account, None without one. Raises SettingsError."""
    return certificate_of(account.cert_file, account.cert_key_file, account.cert_passphrase, environ)


def account_store(environ: Mapping[str, str] = os.environ) -> AccountStore:
    """Return the account store of this user."""
    return AccountStore(config_directory(environ))


def _account(sources: SettingSources, environ: Mapping[str, str]) -> Account | None:
    store, found = account_store(environ), sources.find("account")
    return store.find(None) if found is None else store.get(str(found[0]))


def _server_url(sources: SettingSources, account: Account | None) -> str:
    if account is not None and _names_account(sources):
        return account.server
    url = sources.take("server_url", setting_parsers.parse_url, "" if account is None else account.server)
    if not url:
        raise SettingsError(
            "no server address is set",
            "Set MCP_AMBASSADOR_URL=https://<server>, or run: ambassador-client login https://<server>",
        )
    return url


def _credential(
    sources: SettingSources,
    environ: Mapping[str, str],
    account: Account | None,
    certificate: ClientCertificate | None,
    server_url: str,
) -> Credential | None:
    found = sources.find("preshared_key")
    if found is not None and (account is None or not _names_account(sources)):
        value, place = found
        key = _checked_key(_resolve(value, place, environ), place)
        return Credential(key, place, lambda: key)
    if account is not None and not account.is_keyless:
        return Credential(
            account.label,
            f"account {account.name}",
            lambda: _stored_key(account, environ),
            account_store(environ).mark,
            lambda: _label_now(account, environ),
        )
    if certificate is None:
        raise _no_key()
    if not server_url.startswith("https:"):
        raise NoCredentialsError(
            f"a client certificate proves nothing to {server_url}, which has no TLS", "Use https://."
        )
    return None


def _no_key() -> NoCredentialsError:
    return NoCredentialsError(
        "no preshared key is set", "Set MCP_AMBASSADOR_PRESHARED_KEY, or run: ambassador-client login URL"
    )


def _names_account(sources: SettingSources) -> bool:
    """Tell whether the command line names the account, which overrides every variable."""
    return sources.flags.account is not None and sources.flags.server_url is None


def _label_now(account: Account, environ: Mapping[str, str]) -> str | None:
    try:
        found = account_store(environ).find(account.name)
    except SettingsError:
        return None
    if found is None or found.server != account.server or found.is_keyless:
        return None
    return found.label


def _stored_key(account: Account, environ: Mapping[str, str]) -> str:
    store = account_store(environ)
    key = store.credentials().get(account.name)
    # Read after the key: another login may have replaced both, and no server is sent the key of another.
    stored = store.find(account.name)
    if stored is not None and stored.server != account.server:
        raise NoCredentialsError(
            f"account {account.name} is for {stored.server} now, no longer for {account.server}",
            "Start the AI application again.",
        )
    if key is None:
        raise _missing_key(account)
    return _checked_key(key, f"account {account.name}")


def _missing_key(account: Account) -> NoCredentialsError:
    from ambassador_client.account.credentials import ADD_KEYRING, lacks_keyring  # noqa: PLC0415 - rarely needed

    login = f"ambassador-client login {account.server}"
    if not lacks_keyring():
        return NoCredentialsError(f"the key of account {account.name} is missing", f"Run: {login}")
    return NoCredentialsError(
        f"the key of account {account.name} is not in a file, and the library for the keyring is not installed",
        f"Run: {ADD_KEYRING}, or log in again with the key or a new code: {login}",
    )


def refuse_other_kind(secret: str, what: str) -> None:
    """Raise NoCredentialsError for a secret that is recognisably not the preshared key of a client."""
    if secret.startswith("amb_ak_"):
        raise NoCredentialsError(
            f"{what} is an admin key (amb_ak_...), which is for ambassador-admin",
            "Give your client key (amb_pk_...); your administrator has it, or a one-time code.",
        )
    if secret.startswith("amb_st_"):
        raise NoCredentialsError(
            f"{what} is a session token (amb_st_...), which the client gets by itself",
            "Give your client key (amb_pk_...).",
        )


def _checked_key(text: str, place: str) -> str:
    key = text.strip()
    refuse_other_kind(key, f"the secret from {place}")
    if not key or not key.isascii() or not key.isprintable():
        raise NoCredentialsError(f"the preshared key from {place} is empty or damaged", f"Correct {place}.")
    return key


def _resolve(value: Any, place: str, environ: Mapping[str, str]) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{place} is wrong: it must be text", f"Correct {place}.")
    try:
        return resolve_reference(value, environ)
    except SecretReferenceError as error:
        raise NoCredentialsError(f"there is no preshared key: {error}", f"Correct {place}.") from error


def _friendly_name(sources: SettingSources, environ: Mapping[str, str]) -> str:
    default = environ.get("HOSTNAME") or socket.gethostname() or "unnamed"
    return (sources.take("friendly_name", setting_parsers.parse_text, "") or default)[:_MAX_NAME]
