"""The command `doctor`: checks everything between this machine and the tools, in order, and names the fix."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ambassador_client.cli import local_checks, server_checks
from ambassador_client.cli.check_context import CheckContext, CheckWarning
from ambassador_client.cli.command import Run
from ambassador_client.cli.output import Format, is_for_programs, show_rows
from ambassador_client.errors import ClientError, one_line

Check = Callable[[CheckContext], str]

_CHECKS: dict[str, Check] = {
    "executable": local_checks.executable,
    "environment": local_checks.environment,
    "configuration": local_checks.configuration,
    "files": local_checks.files,
    "key": local_checks.key,
    "client certificate": local_checks.client_certificate,
    "proxy": local_checks.proxy,
    "address": server_checks.address,
    "connection": server_checks.connection,
    "certificate": server_checks.certificate,
    "server": server_checks.server,
    "clock": server_checks.clock,
    "session": server_checks.session,
    "key expiry": server_checks.expiry,
    "tools": server_checks.tools,
    "old sessions": local_checks.old_sessions,
    "applications": local_checks.applications,
}
_REQUIRED_BY_LATER = {"configuration", "address", "connection", "certificate", "server", "session"}
_INDEPENDENT = {"applications"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check; `code` is an error code, `fix` the next step or empty."""

    check: str
    status: str
    cause: str
    code: str = ""
    fix: str = ""
    exit_code: int = 0


def run_checks(run: Run, *, fix: bool) -> Iterator[Finding]:
    """Yield the result of each check; checks that depend on a failed one are skipped."""
    context = CheckContext(run, fix=fix)
    failed_check = ""
    for name, check in _CHECKS.items():
        if failed_check and name not in _INDEPENDENT:
            yield Finding(check=name, status="skipped", cause=f"depends on: {failed_check}")
            continue
        finding = _run_check(name, check, context)
        yield finding
        if name in _REQUIRED_BY_LATER and finding.status == "failed":
            failed_check = name


def doctor(
    run: Run,
    fix: Annotated[
        bool, typer.Option("--fix", help="Fix file modes and delete useless cached sessions.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> int:
    """Check everything between this machine and your tools, in order, and show how to fix problems.

    The exit code is that of the first failed check; warnings do not change it.

    Example: ambassador-client doctor
    """
    findings = list(run_checks(run, fix=fix))
    output = Format.JSON if as_json else run.output
    if is_for_programs(output) or output is Format.NAME:
        show_rows([_view(each) for each in findings], output)
    else:
        for each in findings:
            sys.stdout.write(f"{each.status:<8} {one_line(f'{each.check}: {each.cause}')}\n")
            if each.fix:
                sys.stdout.write(f"         {one_line(f'{each.code} {each.fix}'.strip())}\n")
    return next((each.exit_code for each in findings if each.status == "failed"), 0)


def _view(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "status": finding.status,
        "code": finding.code or None,
        "cause": finding.cause,
        "fix": finding.fix or None,
    }


def _run_check(name: str, check: Check, context: CheckContext) -> Finding:
    try:
        return Finding(check=name, status="ok", cause=check(context))
    except CheckWarning as warning:
        return Finding(check=name, status="warning", cause=warning.cause, fix=warning.fix)
    except ClientError as error:
        return Finding(
            check=name,
            status="failed",
            cause=error.cause,
            code=error.code,
            fix=error.next_step,
            exit_code=error.exit_code,
        )
