"""The commands `login`, `logout`, `whoami` and `change-password`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from ambassador_admin.api import account, pinning, server
from ambassador_admin.api.address import normalise_url
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.login_options import LoginOptions
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.secrets import NOT_SHOWN, read_password
from ambassador_admin.context.settings import KEY_VARIABLE, URL_VARIABLE
from ambassador_admin.context.store import Context
from ambassador_admin.errors import (
    AdminError,
    CertificateRefusedError,
    RefusedError,
    SettingsError,
    UntrustedCertificateError,
    UsageError,
)
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_client.account.client_certificate import CERT_VARIABLE, CertificatePlace
from ambassador_client.account.credentials import NO_KEYRING, lacks_keyring
from ambassador_protocol.admin.account import PasswordChange, Whoami
from ambassador_protocol.paths import DEFAULT_ADMIN_PORT

if TYPE_CHECKING:
    from ambassador_admin.api.client import ApiClient

WHOAMI = View(
    "administrators",
    (
        Column("NAME", "name"),
        Column("KIND", "kind"),
        Column("ROLES", "roles"),
        Column("EXPIRES", "expires_at", relative_time),
        Column("SERVER VERSION", "server_version"),
    ),
    fields_of(Whoami),
)
LOGIN = View(
    "contexts",
    (
        Column("CONTEXT", "context"),
        Column("SERVER", "server"),
        Column("NAME", "name"),
        Column("KIND", "kind"),
        Column("ROLES", "roles"),
        Column("EXPIRES", "expires_at", relative_time),
        Column("KEY STORED IN", "key_kept_in"),
        Column("CA FILE", "ca_file"),
        Column("CERTIFICATE", "cert_file"),
    ),
    ("context", "server", "name", "kind", "roles", "expires_at", "key_kept_in", "ca_file", "cert_file"),
)


def register(app: typer.Typer) -> None:
    """Register the commands of this module, which have no noun."""
    verb(app, "login", changes=True)(login)
    verb(app, "logout", changes=True)(logout)
    verb(app, "whoami")(whoami)
    verb(app, "change-password", changes=True)(change_password)


def login(
    admin: Invocation,
    login_options: LoginOptions,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The server's admin address; port 9443 by default.")
    ],
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint",
            metavar="SHA256",
            help="Fetch the CA certificate and trust it if it has this fingerprint.",
        ),
    ] = None,
) -> None:
    """Log in to a server with an admin key, a password, a certificate or your organisation's account, as a context.

    A context of another server, user or admin key is replaced only with --replace. With --sso your browser opens the
    page of your organisation; over SSH, or with --device, you enter a code there on any machine. You need a role here.
    With --cert your certificate stands alone, unless another option gives a key that it stands beside.

    Example: ambassador-admin login https://mcp.example.com:9443 --user alice
    """
    login_options.check()
    address = normalise_url(url)
    name = admin.options.context or _context_name(address)
    known = admin.contexts.find(name)
    kept = None if login_options.replace else known
    _check_same_login(kept, address, login_options.user)
    same_server = known if known is not None and known.server == address else None
    certificate = login_options.certificate_to_keep(same_server)
    presented = _presented(admin, login_options, certificate)
    with _trusted_ca_file(admin, address, fingerprint, same_server, presented) as ca_file:
        ca_pem = None if ca_file is None else _text_of(ca_file)  # before anything is stored
        opened = login_options.opens_login
        if opened is not None and admin.skips_in_dry_run(f"{opened} and store context {name!r}"):
            return
        key, who = login_options.obtain_key(admin, address, ca_file, presented)
        identity = str(who.get("name"))
        api = admin.connect(address, ca_file=ca_file, key=lambda: key, certificate=presented)
        with _ended_if_refused(admin, api, opened):
            _check_same_login(kept, address, identity)
        if admin.skips_in_dry_run(f"store the key as context {name!r}"):
            admin.output.record(WHOAMI, who)
            return
        record = {"name": name, "server": address, "ca_pem": ca_pem, "identity": identity}
        context, place = _store(admin, known, key, record | {"certificate": certificate})
    _show_login(admin, context, place, who)


def _store(
    admin: Invocation, known: Context | None, key: str | None, record: Mapping[str, Any]
) -> tuple[Context, str | None]:
    """Store a context and its key, in the place of the one that is known, and return it and the place of the key."""
    return admin.credentials.put_with_record(
        record["name"],
        key,
        partial(admin.contexts.save, **record),
        is_other_server=known is not None and known.server != record["server"],
    )


def _presented(
    admin: Invocation, login_options: LoginOptions, kept: CertificatePlace | None
) -> CertificatePlace | None:
    """Return the certificate that a login presents; None lets the variables name it, which come before a context."""
    is_named = bool(admin.environment.variables.get(CERT_VARIABLE)) and admin.options.context is None
    return None if is_named and login_options.certificate is None else kept


@contextmanager
def _ended_if_refused(admin: Invocation, api: "ApiClient", opened: str | None) -> Iterator[None]:
    """End the login that was opened on the server if it is not to be stored."""
    try:
        yield
    except UsageError:
        if opened is not None:
            _send_logout(admin, api)
        raise


def _show_login(admin: Invocation, context: Context, key_kept_in: str | None, who: Mapping[str, Any]) -> None:
    stored = {"context": context.name, "server": context.server, "key_kept_in": key_kept_in}
    stored |= {"ca_file": context.ca_file, "cert_file": context.cert_file}
    described = {field: who.get(field) for field in ("name", "kind", "roles", "expires_at")}
    admin.output.record(LOGIN, stored | described)
    if key_kept_in is not None and lacks_keyring():
        admin.output.say(NO_KEYRING)
    _warn_of_environment(admin)


def logout(admin: Invocation) -> None:
    """End the login of a context and delete its stored key; an admin key stays valid until it is revoked.

    Example: ambassador-admin logout --context staging
    """
    name = admin.options.context or admin.contexts.current()
    if name is None:
        admin.output.say("There is no current context.")
        return
    context = admin.contexts.get(name)
    if admin.skips_in_dry_run(f"delete the key of context {name!r}"):
        return
    _end_login(admin, context)
    forgotten = admin.forget_key(name)
    if context.cert_file is not None:
        admin.contexts.forget_certificate(name)
        admin.output.say(
            f"Context {name!r} does not use {context.cert_file} any more; the file is left as it is."
        )
    admin.output.say(
        f"The key of context {name!r} is deleted." if forgotten else f"Context {name!r} had no key."
    )


def whoami(admin: Invocation) -> None:
    """Show the name and the roles that the server knows you by.

    Example: ambassador-admin whoami -o json
    """
    admin.show_one(server.whoami(), WHOAMI)


def _end_login(admin: Invocation, context: Context) -> None:
    stored = admin.credentials.get(context.name)
    if stored is None:
        return
    ca_file = None if context.ca_file is None else Path(context.ca_file)
    api = admin.connect(context.server, ca_file=ca_file, key=lambda: stored, certificate=context.certificate)
    _send_logout(admin, api)


def _send_logout(admin: Invocation, api: "ApiClient") -> None:
    try:
        api.send(account.logout())
    except RefusedError:
        pass  # the login has ended already, or it is an admin key, which stays valid until it is revoked
    except AdminError as error:
        admin.output.warn(
            f"The login could not be ended on the server: {error.message} It expires by itself."
        )


def change_password(
    admin: Invocation,
    current_from: Annotated[
        str | None,
        typer.Option(
            "--current-from",
            metavar="SOURCE",
            help="The current password: env://NAME, file://PATH or - for stdin; else a prompt.",
        ),
    ] = None,
    password_from: Annotated[
        str | None,
        typer.Option(
            "--password-from",
            metavar="SOURCE",
            help="The new password: env://NAME, file://PATH or - for stdin; else a prompt, twice.",
        ),
    ] = None,
) -> None:
    """Change your own password; this ends your other logins.

    Example: ambassador-admin change-password
    """
    who = str(admin.api.fetch(server.whoami()).get("name"))
    environment = admin.environment
    current = read_password(
        current_from,
        who,
        environ=environment.variables,
        stdin=environment.stdin,
        prompt=admin.terminal.read_secret,
    )
    new = read_password(
        password_from,
        who,
        is_new=True,
        environ=environment.variables,
        stdin=environment.stdin,
        prompt=admin.terminal.read_secret,
    )
    request = account.change_password(PasswordChange(current=current, password=new))
    if admin.options.dry_run:
        admin.dry_run(replace(request, shown={"current": NOT_SHOWN, "password": NOT_SHOWN}))
        return
    admin.api.send(request)
    admin.output.say("Your password is changed; your other logins have ended.")


def _check_same_login(known: Context | None, address: str, identity: str | None) -> None:
    """Raise UsageError if the context is that of another server or identity; an identity of None is unknown."""
    if known is None:
        return
    cause = None
    if known.server != address:
        cause = f"is for {known.server}"
    elif known.identity is not None and identity is not None and known.identity != identity:
        cause = f"holds the login of {known.identity!r}, not of {identity!r}"
    if cause is not None:
        raise UsageError(
            f"Context {known.name!r} {cause}; nothing was changed.",
            hint="--context NAME stores this login under another name, --replace replaces that one",
        )


@contextmanager
def _trusted_ca_file(
    admin: Invocation,
    address: str,
    fingerprint: str | None,
    known: Context | None,
    certificate: CertificatePlace | None,
) -> Iterator[Path | None]:
    ca_file = admin.options.ca
    if ca_file is not None and fingerprint is not None:
        raise UsageError("--ca and --fingerprint exclude each other.")
    if address.startswith("http://") and (ca_file is not None or fingerprint is not None):
        raise UsageError("There is no certificate without TLS.", hint="use a URL with https://")
    if fingerprint is None:
        if ca_file is None and known is not None and known.ca_file is not None:
            ca_file = Path(known.ca_file)  # a login to a known server uses the stored CA file
        if ca_file is not None or _is_trusted(admin, address, certificate):
            yield None if ca_file is None else ca_file.expanduser()
            return
    ca_certificate = _certificate(admin, address, fingerprint)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "ca.pem"
        path.write_text(ca_certificate, encoding="ascii")
        yield path


def _is_trusted(admin: Invocation, address: str, certificate: CertificatePlace | None) -> bool:
    """Tell whether this machine trusts the server's certificate; without a terminal, leave that to the login."""
    if address.startswith("http://") or not admin.terminal.is_interactive:
        return True
    try:
        admin.connect(address, ca_file=None, certificate=certificate).probe(server.ready())
    except UntrustedCertificateError:
        return False
    return True


def _certificate(admin: Invocation, address: str, fingerprint: str | None) -> str:
    """Return the server's CA certificate with this fingerprint, or with one that the person confirms."""
    wanted = None if fingerprint is None else pinning.read_fingerprint(fingerprint)
    unverified_client = admin.connect(address, ca_file=None, unverified=True)
    try:
        offered = unverified_client.fetch_text(server.ca_certificate())
    except CertificateRefusedError as error:
        # Until the server is known it is shown no certificate.
        error.hint = (
            "its CA certificate cannot be fetched: get it from your administrator and name it with --ca FILE"
        )
        raise
    if wanted is None:
        wanted = pinning.offered_fingerprint(offered)
        admin.output.say(
            f"This machine does not trust the CA of {address}. The SHA-256 fingerprint of its certificate:\n{wanted}"
        )
        admin.terminal.confirm("Is this the fingerprint that ambassador-server printed?", yes=False)
    return pinning.matching_certificate(offered, wanted)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"The CA file {path} cannot be read: {cause}.") from None


def _context_name(address: str) -> str:
    parts = urlsplit(address)
    host = parts.hostname or "server"
    return host if parts.port == DEFAULT_ADMIN_PORT else f"{host}:{parts.port}"


def _warn_of_environment(admin: Invocation) -> None:
    for variable in (URL_VARIABLE, KEY_VARIABLE):
        if admin.environment.variables.get(variable):
            admin.output.warn(
                f"{variable} is set and takes precedence over the context you have just logged in to."
            )
