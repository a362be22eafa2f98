"""The checks of `doctor` on this machine; each returns its result or raises a CheckWarning or a ClientError."""

import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ambassador_client.account.session_cache import Slot, sessions_directory
from ambassador_client.cli.check_context import CheckContext, CheckWarning
from ambassador_client.cli.hosts import host_statuses
from ambassador_client.errors import ServerRefusedError, SettingsError
from ambassador_protocol import __version__
from ambassador_protocol.paths import ME
from ambassador_protocol.tls import client_context
from ambassador_protocol.variables import VARIABLES, misspelling, misspelt_variables

_SOON = timedelta(days=7)


def executable(context: CheckContext) -> str:
    """Check that the command is on the PATH."""
    found = shutil.which("ambassador-client")
    if found is None:
        raise CheckWarning(
            "ambassador-client is not on the PATH, so applications cannot start it by name",
            f"Add {Path(sys.executable).parent} to the PATH, or use the full path.",
        )
    return f"{found}, version {__version__}"


def environment(context: CheckContext) -> str:
    """Check that no variable is misspelt."""
    misspelt = [misspelling(name, near) for name, near in misspelt_variables(os.environ).items()]
    if misspelt:
        raise CheckWarning(" ".join(misspelt), "Correct the name, or unset it.")
    found = sorted(VARIABLES & os.environ.keys())
    return f"{', '.join(found)}" if found else "no variable is set"


def configuration(context: CheckContext) -> str:
    """Check that a server address is set; name the account."""
    settings = context.settings
    account = "no account" if settings.account is None else f"account {settings.account.name}"
    return f"{settings.server_url}, {account}"


def files(context: CheckContext) -> str:
    """Check that only the user can read the files with secrets."""
    directory = context.run.accounts.directory
    unprotected = [path for path in _private_paths(directory) if path.stat().st_mode & 0o077]
    if sys.platform == "win32" or not unprotected:
        return f"only you can read {directory}"
    if not context.fix:
        raise SettingsError(f"other users can read {unprotected[0]}", "Run: ambassador-client doctor --fix")
    for path in unprotected:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return f"{len(unprotected)} file(s) were readable by others; their modes are fixed"


def key(context: CheckContext) -> str:
    """Check that the key can be read and does not expire soon."""
    if context.settings.credential is None:
        return "none: the certificate stands alone"
    context.settings.preshared_key  # noqa: B018 - raises if the key cannot be read
    account = context.settings.account
    if account is not None:
        warn_of_expiry(account.key_expires_at)
    return f"from {context.settings.credential.place}"


def client_certificate(context: CheckContext) -> str:
    """Check that the certificate of this client can be used, is private and does not end soon."""
    certificate = context.settings.certificate
    if certificate is None:
        return "none is set"
    _, validity = certificate.check()
    if not context.settings.is_encrypted:
        raise CheckWarning(
            f"{certificate.cert_file} is not presented to {context.settings.server_url}, which has no TLS",
            "Use https://.",
        )
    certificate.use(client_context())
    begin, end = map(_certificate_moment, validity or ("", ""))
    if begin is None or end is None:
        return str(certificate.cert_file)
    # Some live for an hour, and are replaced by a program.
    if end - datetime.now(UTC) < min(_SOON, (end - begin) / 5):
        raise CheckWarning(
            f"the certificate {certificate.cert_file} expires on {_date(end)}",
            "Get a new one where you got it.",
        )
    return f"{certificate.cert_file}, valid until {_date(end)}"


def _certificate_moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def warn_of_expiry(expires_at: str | None) -> None:
    """Raise a CheckWarning if a key expires within a week, or has expired."""
    expires, now = _moment(expires_at), datetime.now(UTC)
    if expires is None or expires - now >= _SOON:
        return
    if expires <= now:
        raise CheckWarning(f"the key expired on {_date(expires)}", "Ask your administrator for a new key.")
    raise CheckWarning(
        f"the key expires on {_date(expires)}",
        "Run: ambassador-client key rotate; if that keeps the date, ask your administrator for a new key.",
    )


def proxy(context: CheckContext) -> str:
    """Name the HTTP proxy, if one is used."""
    return (
        "none is used" if context.tunnel is None else f"the server is reached through {context.tunnel.proxy}"
    )


def old_sessions(context: CheckContext) -> str:
    """Check for cached sessions that have ended at the server."""
    settings = context.settings
    if settings.credential is None:
        return "none: a certificate that stands alone needs no session"
    slots, held = Slot.claim_all(sessions_directory(), settings.server_url, settings.credential.label)
    stale = [slot for slot in slots if _is_stale(context, slot)]
    for slot in stale if context.fix else []:
        slot.clear()
    for slot in slots:
        slot.release()
    if stale and not context.fix:
        raise CheckWarning(
            f"{len(stale)} cached session(s) have ended at the server",
            "Run: ambassador-client doctor --fix",
        )
    return f"{held} in use, {len(slots) - len(stale)} kept, {len(stale)} deleted"


def applications(context: CheckContext) -> str:
    """Check which applications start this client, and whether their entries are unchanged."""
    installed = [each for each in host_statuses() if each.installed]
    drifted = [each for each in installed if each.configured in ("drifted", "unknown")]
    if drifted:
        first = drifted[0]
        fix = f"Run: ambassador-client install {first.name}"
        if first.configured == "unknown":
            fix = f"Correct {first.file}, then run install again."
        raise CheckWarning(f"{first.title}: {first.detail}", fix)
    entered = [each.title for each in installed if each.configured == "yes"]
    if not entered:
        raise CheckWarning("no application starts this client", "Run: ambassador-client install --all")
    return ", ".join(entered)


def _is_stale(context: CheckContext, slot: Slot) -> bool:
    if (session := slot.load()) is None:
        return False
    try:
        context.run.connect(context.settings, session.session_token).request("GET", ME)
    except ServerRefusedError as error:
        return error.status == 401
    return False


def _private_paths(directory: Path) -> list[Path]:
    return [directory, *sorted(directory.iterdir())] if directory.is_dir() else []


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _moment(text: str | None) -> datetime | None:
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
