"""The commands `doctor`, `errors` and `bugreport`."""

import os
import platform
import re
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from ambassador_client.account.setting_sources import ENVIRONMENT
from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.doctor import doctor, run_checks
from ambassador_client.cli.explanations import EXPLANATIONS
from ambassador_client.cli.output import Format, is_for_programs, show, show_rows
from ambassador_client.errors import ClientError, NotFoundError
from ambassador_protocol import __version__
from ambassador_protocol.problems import ProblemCode

_LIBRARIES = ("h11", "httpx", "typer", "rich", "keyring")
_SHOWN_SETTINGS = frozenset(
    {"server_url", "host_tool", "heartbeat_interval_seconds", "allow_self_signed", "account"}
)
"""The settings whose value is printed; of the others only whether they are set."""

_PROXIES = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "all_proxy",
    "no_proxy",
)
_SECRET = re.compile(r"amb_(pk|st|ak)_[A-Za-z0-9_-]*")


def register(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "doctor", doctor)
    command(app, "bugreport", bugreport)
    group = command_group("The error codes and their meaning.")
    command(group, "list", list_codes)
    command(group, "show", show_code)
    app.add_typer(group, name="errors")


def list_codes(run: Run) -> int:
    """List the error codes and their meaning.

    Example: ambassador-client errors list
    """
    show_rows(
        [{"code": code.value, "meaning": EXPLANATIONS[code].meaning} for code in ProblemCode], run.output
    )
    return 0


def show_code(
    run: Run, code: Annotated[str, typer.Argument(metavar="CODE", help="For example AMB-5001 or 5001.")]
) -> int:
    """Show the meaning of an error code and what to do.

    Example: ambassador-client errors show AMB-5001
    """
    found = ProblemCode.parse(code)
    if found is None:
        raise NotFoundError(f"there is no error code {code[:40]!r}", "Run: ambassador-client errors list")
    explanation = EXPLANATIONS[found]
    if is_for_programs(run.output):
        show(
            {"code": found.value, "meaning": explanation.meaning, "remedies": list(explanation.remedies)},
            run.output,
        )
        return 0
    sys.stdout.write(f"{found.value}  {explanation.meaning}\n")
    for remedy in explanation.remedies:
        sys.stdout.write(f"  - {remedy}\n")
    return 0


def bugreport(run: Run) -> int:
    """Print a report for support: versions, settings and the result of `doctor`, without secrets.

    Example: ambassador-client bugreport
    """
    report = {
        "versions": _versions(),
        "settings": _settings(),
        "config_file": run.flags.config is not None,
        "proxies": {name: _proxy_addresses(os.environ[name]) for name in _PROXIES if os.environ.get(name)},
        "accounts": _accounts(run),
        "doctor": [asdict(each) for each in run_checks(run, fix=False)],
    }
    show(_mask_keys(report), run.output if is_for_programs(run.output) else Format.JSON)
    return 0


def _versions() -> dict[str, str]:
    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            libraries[name] = "missing"
    return {
        "client": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        **libraries,
    }


def _settings() -> dict[str, str]:
    shown = {}
    for name, variable in ENVIRONMENT.items():
        value = os.environ.get(variable)
        if value:
            shown[variable] = (
                _address(value) if name == "server_url" else value if name in _SHOWN_SETTINGS else "set"
            )
    return shown


def _address(value: str) -> str:
    """Return scheme, host and port of a server address, without other parts such as a password."""
    try:
        parts = urlsplit(value)
        return f"{parts.scheme}://{parts.hostname}:{parts.port}"
    except ValueError:
        return "damaged"


def _accounts(run: Run) -> Any:
    try:
        return [
            {
                "name": each.name,
                "server": each.server,
                "key_expires_at": each.key_expires_at,
                "has_ca": bool(each.ca_file),
            }
            for each in run.accounts.all()
        ]
    except ClientError as error:
        return str(error)


def _proxy_addresses(value: str) -> str:
    return ", ".join(_without_credentials(part.strip()) for part in value.split(","))


def _without_credentials(value: str) -> str:
    """Return an address with user and password masked."""
    head, at, tail = value.rpartition("@")
    if not at:
        return value
    scheme = urlsplit(head).scheme
    return f"{scheme}://****@{tail}" if scheme else f"****@{tail}"


def _mask_keys(value: Any) -> Any:
    """Return the value with all keys and tokens masked."""
    if isinstance(value, str):
        return _SECRET.sub(r"amb_\1_****", value)
    if isinstance(value, dict):
        return {str(name): _mask_keys(each) for name, each in value.items()}
    return [_mask_keys(each) for each in value] if isinstance(value, list) else value
