"""The command that an application starts: this program with the settings that are not secret."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ambassador_client.account.client_certificate import CERT_VARIABLE, KEY_VARIABLE, PASSPHRASE_VARIABLE
from ambassador_client.account.setting_parsers import parse_url
from ambassador_client.account.setting_sources import ACCOUNT_VARIABLE
from ambassador_client.account.settings import account_store
from ambassador_client.errors import SettingsError, UsageError
from ambassador_client.hosts.installing.host import Host, Launch
from ambassador_protocol.references import SCHEMES, parse_reference, unknown_scheme

PROGRAM = "ambassador-client"
_KEY = "MCP_AMBASSADOR_PRESHARED_KEY"
_FILES = ("MCP_AMBASSADOR_CA_FILE", CERT_VARIABLE, KEY_VARIABLE)
_COPIED_VARIABLES = (
    ACCOUNT_VARIABLE,
    "MCP_AMBASSADOR_URL",
    "MCP_AMBASSADOR_FINGERPRINT",
    "MCP_AMBASSADOR_ALLOW_SELF_SIGNED",
    *_FILES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """The settings given to `install` as options."""

    account: str | None = None
    config: Path | None = None
    server_url: str | None = None
    ca_file: Path | None = None

    @property
    def is_complete(self) -> bool:
        """Tell whether an account or a configuration file is given, so that no variable is needed."""
        return self.account is not None or self.config is not None


def launch_for(
    host: Host,
    options: LaunchOptions,
    environ: Mapping[str, str],
    command: tuple[str, ...],
    *,
    paths: ModuleType = os.path,
) -> Launch:
    """Return the launch command; `paths` is `os.path` of the platform. Raises SettingsError or UsageError."""
    arguments = [*command[1:], "proxy", "--host-tool", host.tool]
    if options.account is not None:
        arguments += ["--account", account_store(environ).get(options.account).name]
    if options.config is not None:
        arguments += ["--config", paths.abspath(options.config)]
    if options.server_url is not None:
        arguments += ["--server", _address(options.server_url, "--server")]
    if options.ca_file is not None:
        arguments += ["--ca-file", paths.abspath(options.ca_file)]
    environment = {} if options.is_complete else _copied_variables(environ, paths)
    for word in (command[0], *arguments, *environment.values()):
        _check(word)
    return Launch(command=command[0], arguments=tuple(arguments), environment=environment)


def missing_settings(options: LaunchOptions, environ: Mapping[str, str]) -> list[str]:
    """Return sentences that name the settings the applications will lack."""
    if options.is_complete or account_store(environ).find(environ.get(ACCOUNT_VARIABLE)) is not None:
        return []
    sentences = []
    if options.server_url is None and not environ.get("MCP_AMBASSADOR_URL"):
        sentences.append("No server address is set: run ambassador-client login, or use --server URL.")
    key = environ.get(_KEY, "")
    if parse_reference(key) is None and (key or not environ.get(CERT_VARIABLE)):
        state = "The key is never written into the files of applications" if key else "No key is set"
        sentences.append(f"{state}: run ambassador-client login, or set {_KEY}=file:///PATH.")
    return sentences


def installed_command(
    argv0: str,
    executable: str = sys.executable,
    which: Callable[[str], str | None] = shutil.which,
    *,
    paths: ModuleType = os.path,
    can_run: Callable[[str], bool] = lambda path: os.path.isfile(path) and os.access(path, os.X_OK),
) -> tuple[str, ...]:
    """Return the absolute path of this program and the arguments it needs; links are not resolved.

    pipx replaces the target of its link on an upgrade, and a virtual environment works only by the path of its link.
    """
    candidates = [argv0] if paths.dirname(argv0) else []
    candidates += [found] if (found := which(PROGRAM)) else []
    candidates += [paths.join(paths.dirname(executable), PROGRAM)]
    for candidate in candidates:
        for path in (f"{candidate}.exe", candidate):
            if paths.splitext(paths.basename(path))[0].lower() == PROGRAM and can_run(path):
                return (paths.abspath(path),)
    return (paths.abspath(executable), "-m", "ambassador_client")


def _copied_variables(environ: Mapping[str, str], paths: ModuleType) -> dict[str, str]:
    copied = {name: environ[name] for name in _COPIED_VARIABLES if environ.get(name)}
    if (address := copied.get("MCP_AMBASSADOR_URL")) is not None:
        _address(address, "MCP_AMBASSADOR_URL")
    for name in _FILES:
        if (file := copied.get(name)) is not None:
            copied[name] = paths.abspath(paths.expanduser(file))
    references = {name: _reference(environ.get(name, ""), name) for name in (_KEY, PASSPHRASE_VARIABLE)}
    if environ.get(PASSPHRASE_VARIABLE) and references[PASSPHRASE_VARIABLE] is None:
        raise SettingsError(
            f"{PASSPHRASE_VARIABLE} is no reference, and a passphrase is never written into the files of applications",
            f"Set {PASSPHRASE_VARIABLE} to env://NAME or file://PATH.",
        )
    return copied | {name: found for name, found in references.items() if found is not None}


def _reference(value: str, variable: str) -> str | None:
    """Return the value if it is a reference to a secret; raises SettingsError for one with an unknown scheme."""
    if (reference := parse_reference(value)) is None:
        return None
    if reference.scheme not in SCHEMES:
        error = unknown_scheme(reference, SCHEMES)
        raise SettingsError(f"{variable} is wrong: {error}", f"Correct {variable}.") from error
    return str(reference)


def _address(value: str, place: str) -> str:
    try:
        parse_url(value)  # refuses an address with a password
    except ValueError as error:
        raise SettingsError(f"{place} is wrong: {error}", f"Correct {place}.") from error
    return value


def _check(word: str) -> None:
    if not word.isprintable() or "$" in word or "amb_" in word:
        raise UsageError(
            f"{word!r} cannot be written into the file of an application",
            "Remove $, amb_ keys and control characters.",
        )
