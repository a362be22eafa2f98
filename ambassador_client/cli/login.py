"""The commands `login` and `logout`."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from ambassador_client.account import setting_parsers
from ambassador_client.account.account_store import Account, check_name
from ambassador_client.account.credentials import NO_KEYRING, lacks_keyring
from ambassador_client.account.paths import expanded
from ambassador_client.account.session_cache import Slot, sessions_directory
from ambassador_client.account.settings import Credential, Settings, account_certificate
from ambassador_client.cli.certificate_options import CertificateOptions
from ambassador_client.cli.command import Run, command
from ambassador_client.cli.login_account import LoginAccount
from ambassador_client.cli.output import show
from ambassador_client.cli.secret_input import KEY_PREFIX, read_secret
from ambassador_client.cli.sign_in_options import SignInOptions
from ambassador_client.errors import ClientError, SettingsError, UsageError
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT, ENROL, ME
from ambassador_protocol.text_files import decode_text

_PROMPT = "Key (amb_pk_...) or one-time code: "
_KeySource = Annotated[
    str | None,
    typer.Option(
        "--key-from",
        metavar="SOURCE",
        help="Source of the key or one-time code: env://NAME, file://PATH or - for stdin; default: a prompt.",
    ),
]
_Code = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="One-time code from your administrator.")
]


def register(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "login", login, changes=True)
    command(app, "logout", logout, changes=True)


def login(
    run: Run,
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the server; port 8443 by default.")],
    sign_in: SignInOptions,
    client_certificate: CertificateOptions,
    key_from: _KeySource = None,
    code: _Code = None,
    keep: Annotated[
        bool, typer.Option("--keep-default", help="Do not make this the default account.")
    ] = False,
    replace_other: Annotated[
        bool, typer.Option("--replace", help="Replace the account even if it is another user or server.")
    ] = False,
) -> int:
    """Log in to a server with a key, a code, a certificate or your organisation's account, and save it as an account.

    The server checks the key first. An account of another user or server is not replaced without --replace. The key is
    saved in the system's keyring if there is one, else in a file that only you can read. On Linux `pipx inject
    mcp-ambassador keyring` installs support for the keyring.

    With --sso your browser opens the page of your organisation. Over SSH, or with --device, you enter a code there on
    any machine. The server exchanges the answer for a key of this machine, which replaces the one from before.

    With --cert your certificate stands alone, unless --key-from, --code or --sso gives a key that it stands beside.

    Example: ambassador-client login https://mcp.example.com --code 7KQF-3M2X-9TWD
    """
    sign_in.check(code=code, key_from=key_from)
    settings, ca_pem = _login_settings(run, url)
    name = check_name(run.flags.account or _default_name(settings.server_url))
    target = LoginAccount(
        run.accounts, name, settings.server_url, replace_other=replace_other, make_default=not keep
    )
    target.ca_pem = _read_ca_file(settings.ca_file) if ca_pem is None and settings.ca_file else ca_pem
    settings = _with_certificate(settings, target, client_certificate)
    secret = (
        _keep(run, target, name, sign_in.exchange(run, settings))
        if sign_in.sso
        else _secret(run, settings, target, name, code=code, key_from=key_from)
    )
    me = _check(run, settings, secret)
    account, place = target.save(secret, me)
    run.did(f"account {account.name} is saved")
    show(_account_view(account) | {"tools": me.get("tools"), "key_kept_in": place}, run.output)
    if target.previous_default not in (None, run.accounts.default()):
        run.say(f"The default account was {target.previous_default}; it is {account.name} now.")
    if secret is not None and lacks_keyring():
        run.say(NO_KEYRING)
    return 0


def _with_certificate(settings: Settings, target: LoginAccount, options: CertificateOptions) -> Settings:
    """Return the settings with the certificate to present, and let the account have the one it is to have."""
    target.certificate = options.place()
    if options.forgets:
        target.kept_certificate = None
    presented = options.certificate(os.environ, settings.server_url, target.kept_certificate)
    return replace(settings, certificate=presented)


def _secret(
    run: Run, settings: Settings, target: LoginAccount, name: str, *, code: str | None, key_from: str | None
) -> str | None:
    """Return the key that is given, or given for a code; None where a certificate stands alone."""
    if target.certificate is not None and not (code or key_from):
        return None
    secret = code or read_secret(key_from, partial(run.prompt_secret, _PROMPT))
    if secret.startswith(KEY_PREFIX):
        return secret
    return _keep(run, target, name, run.connect(settings, None).request("POST", ENROL, {"code": secret}))


def _keep(run: Run, target: LoginAccount, name: str, answer: Mapping[str, Any]) -> str:
    """Save the key that a code or a sign-in was exchanged for, which works only once, and return it."""
    secret = str(answer.get("preshared_key"))
    target.save_enrolled(secret, answer)
    run.did(f"the code or the sign-in was used, and its key is saved as account {name}")
    return secret


def logout(run: Run) -> int:
    """End the sessions of an account and delete its key from this machine. The key stays valid until it is revoked.

    A client certificate stays where it is.

    Example: ambassador-client logout --account work
    """
    account = run.accounts.get(run.flags.account)
    slots, held = Slot.claim_all(sessions_directory(), account.server, account.label)
    for slot in slots:
        if (session := slot.load()) is not None:
            _end_session(run, account, session.session_token, session)
        slot.clear()
        slot.release()
    run.did(f"the sessions of account {account.name} were ended")
    forgotten = run.accounts.credentials().delete(account.name)
    if account.is_keyless:
        run.accounts.remove(account.name)
        run.say(f"Logged out of {account.server}; the certificate {account.cert_file} is left as it is.")
        return 0
    run.did("its key was deleted from this machine")
    run.accounts.remove(account.name)
    run.did("the account was removed")
    if forgotten or not lacks_keyring():
        run.say(
            f"Logged out of {account.server}; the key of account {account.name} was deleted from this machine."
        )
    else:
        run.say(
            f"Logged out of {account.server}. There was no file with a key of account {account.name}. {NO_KEYRING}"
        )
    if held:
        run.say(f"{held} running application(s) keep their sessions until they exit.")
    return 0


def _parse_argument(argument: str, parse: Callable[[str], str], text: str) -> str:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{argument} is wrong: {error}", "Run: ambassador-client login --help") from None


def _login_settings(run: Run, url: str) -> tuple[Settings, str | None]:
    """Return the settings for a login at this address, and the certificate that matches the fingerprint, PEM."""
    flags = run.flags
    if flags.server_url is not None:
        raise UsageError(
            "the server is the argument of login, not an option", "Run: ambassador-client login URL"
        )
    if flags.fingerprint is not None and flags.ca_file is not None:
        raise UsageError("--ca-file and --fingerprint cannot be used together", "")
    address = _parse_argument("URL", setting_parsers.parse_url, url if "://" in url else f"https://{url}")
    pin = flags.fingerprint and _parse_argument(
        "--fingerprint", setting_parsers.parse_fingerprint, flags.fingerprint
    )
    known = next((each for each in run.accounts.all() if each.server == address), None)
    ca_file = flags.ca_file or (None if known is None or pin is not None else known.ca_file)
    settings = Settings(
        server_url=address,
        credential=Credential("", "login", lambda: ""),
        friendly_name="login",
        host_tool="cli",
        heartbeat_seconds=120,
        allow_self_signed=bool(flags.allow_self_signed),
        ca_file=None if ca_file is None else expanded(ca_file),
        fingerprint=pin,
    )
    if pin is None:
        return settings, None
    from ambassador_client.account.paths import state_directory
    from ambassador_client.account.pinning import pinned_certificate
    from ambassador_client.account.proxy_tunnel import tunnel_to
    from ambassador_client.account.tls import check_has_certificate

    check_has_certificate(address)
    tunnel = tunnel_to(address, os.environ)
    dial = None if tunnel is None else tunnel.dial
    return settings, pinned_certificate(address, pin, state_directory() / "trust", dial)


def _check(run: Run, settings: Settings, secret: str | None) -> dict[str, Any]:
    """Check the key with a short session, or the certificate, and return the answer to GET /v1/me; raises LinkError."""
    if secret is None:
        return run.connect(settings, None).request("GET", ME)
    session = run.connect(settings, None).register(replace(settings.identity, preshared_key=secret))
    server = run.connect(settings, session.session_token)
    try:
        return server.request("GET", ME)
    finally:
        with suppress(ClientError):
            server.disconnect(session)


def _end_session(run: Run, account: Account, token: str, session: Any) -> None:
    settings, _ = _login_settings(Run(replace(run.flags, fingerprint=None), run.output), account.server)
    try:
        settings = replace(settings, certificate=account_certificate(account, os.environ))
        run.connect(settings, token).disconnect(session)
    except ClientError as error:
        run.say(f"The session could not be ended: {error.cause}. It expires by itself.")


def _account_view(account: Account) -> dict[str, Any]:
    members = asdict(account)
    names = ("name", "server", "user", "key_name", "key_expires_at", "cert_file")
    return {name: members[name] or None for name in names}


def _default_name(address: str) -> str:
    parts = urlsplit(address)
    host = (parts.hostname or "server").replace(":", "-")
    return host if parts.port == DEFAULT_CLIENT_PORT else f"{host}:{parts.port}"


def _read_ca_file(path: Path) -> str:
    try:
        return decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the CA file {path}", "Check --ca-file.") from error
