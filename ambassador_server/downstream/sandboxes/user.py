"""Sandbox `user`: the program runs as another user, whose permissions hold it back; this server must run as root."""

import os
import sys
import tempfile
from typing import TYPE_CHECKING

from ambassador_server.downstream.programs.plan import Launch, SandboxOptions, Wrapped
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.sandboxes import UnavailableError

if TYPE_CHECKING:
    import pwd


def offer(settings: ProgramSettings) -> str:
    """Return what the sandbox holds back."""
    return f"runs as '{_account(settings).pw_name}', whose permissions alone hold it back"


def shortcoming(options: SandboxOptions) -> str | None:
    """Return what of the options permissions cannot enforce."""
    return "it enforces neither the profile 'strict' nor 'connect'" if options.names_limits else None


def wrap(launch: Launch) -> Wrapped:
    """Return the program with the user whom the launcher becomes."""
    account = _account(launch.settings)
    has_home = os.path.isdir(account.pw_dir) and os.stat(account.pw_dir).st_uid == account.pw_uid
    home = account.pw_dir if has_home else f"{tempfile.gettempdir()}/mcp-ambassador-home-{account.pw_uid}"
    env = {
        **launch.env,
        "HOME": home,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
    }
    return Wrapped(
        program=launch.program,
        args=launch.args,
        env=env,
        user={
            "name": account.pw_name,
            "uid": account.pw_uid,
            "gid": account.pw_gid,
            "home": home,
            "makes_home": not has_home,
        },
        own=tuple(launch.settings.hidden),
    )


def _account(settings: ProgramSettings) -> "pwd.struct_passwd":
    if sys.platform == "win32" or os.geteuid() != 0:
        raise UnavailableError("this server may not switch users, because it does not run as root")
    import pwd  # noqa: PLC0415 # Windows has none

    try:
        account = pwd.getpwnam(settings.user)
    except KeyError:
        raise UnavailableError(f"there is no user '{settings.user}'") from None
    if account.pw_uid == 0:
        raise UnavailableError(f"user '{settings.user}' is root")
    return account
