"""The commands `whoami`, `accounts`, `account use` and `key rotate`."""

from dataclasses import replace
from typing import Annotated

import typer

from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.durations import seconds_of
from ambassador_client.cli.identity import known_by
from ambassador_client.cli.missing_credentials import missing_credentials
from ambassador_client.cli.output import show, show_rows
from ambassador_client.cli.stops import stop_texts
from ambassador_client.errors import SettingsError
from ambassador_protocol.paths import ME, OWN_KEY_ROTATION


def register(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "whoami", whoami)
    command(app, "accounts", list_accounts)
    account = command_group("Change the default account.")
    command(account, "use", use_account, changes=True)
    app.add_typer(account, name="account")
    key = command_group("The key of an account.")
    command(key, "rotate", rotate_key, changes=True)
    app.add_typer(key, name="key")


def whoami(run: Run) -> int:
    """Show your user and groups at the server, and the key or certificate it knows you by.

    Example: ambassador-client whoami -o json
    """
    me = run.server.request("GET", ME)
    view = {
        "server": run.settings.server_url,
        "account": None if run.settings.account is None else run.settings.account.name,
        "user": me.get("user"),
        "display_name": me.get("display_name"),
        "groups": me.get("groups"),
        **known_by(me),
        "tools": me.get("tools"),
        "meta_tools": me.get("meta_tools"),
        "refused": me.get("refused"),
        "stopped": stop_texts(me),
        "missing_credentials": missing_credentials(me),
    }
    show(view, run.output)
    return 0


def list_accounts(run: Run) -> int:
    """List the accounts on this machine.

    Example: ambassador-client accounts
    """
    default = run.accounts.default()
    rows = [
        {"account": each.name, "default": each.name == default, "server": each.server, "user": each.user}
        | {"key": each.key_name or None, "key_expires_at": each.key_expires_at, "certificate": each.cert_file}
        for each in run.accounts.all()
    ]
    if not rows:
        run.say("There is no account. Run: ambassador-client login URL")
    if rows or run.output is not None:
        show_rows(rows, run.output)
    return 0


def use_account(run: Run, name: Annotated[str, typer.Argument(metavar="NAME", help="The account.")]) -> int:
    """Make an account the default.

    Example: ambassador-client account use work
    """
    account = run.accounts.use(name)
    run.say(f"{account.name} at {account.server} is now the default account.")
    return 0


def rotate_key(
    run: Run,
    overlap: Annotated[
        str, typer.Option(metavar="DURATION", help="How long the old key stays valid: 30m, 12h, 7d.")
    ] = "24h",
) -> int:
    """Replace the key of the account by a new one; the old key stays valid for the overlap.

    The new key expires when the old one would have, unless your administrators allow a longer term. It is saved in
    the place of the old one. Running applications take the new key with their next call.

    Example: ambassador-client key rotate --overlap 7d
    """
    account, credential = run.settings.account, run.settings.credential
    if credential is None:
        raise SettingsError(
            "your certificate stands alone, so there is no key to replace",
            "Get a new certificate where you got this one.",
        )
    if account is None or not credential.place.startswith("account "):
        raise SettingsError(
            "the key in use comes from a setting, which rotation cannot change",
            "Run ambassador-client login first, or ask your administrator.",
        )
    proof = {"preshared_key": credential.reveal()}
    answer = run.server.request("POST", OWN_KEY_ROTATION, {"overlap_seconds": seconds_of(overlap), **proof})
    place = run.accounts.credentials().put(account.name, str(answer.get("preshared_key")))
    key = answer.get("key") or {}
    renewed = replace(account, key_id=str(key.get("id")), key_expires_at=key.get("expires_at"))
    run.accounts.save(renewed, make_default=False)
    view = {
        "account": account.name,
        "key": key.get("name"),
        "key_expires_at": key.get("expires_at"),
        "old_key_ends_at": answer.get("old_key_ends_at"),
        "key_kept_in": place,
    }
    show(view, run.output)
    return 0
