"""`help`: what no single command can explain, from the tables the program itself goes by."""

import typer

from ambassador_client.account import proxy_tunnel, sources
from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.hosts import PARTIAL
from ambassador_client.cli.output import show_rows

_MEANINGS = {
    "server_url": "the address of the server",
    "preshared_key": "the preshared key, or where it is: env://NAME or file://PATH",
    "friendly_name": "how administrators see this client",
    "host_tool": "the application this client works for",
    "heartbeat_interval_seconds": "how often the server hears that the client is here, in seconds from 15 to 300",
    "allow_self_signed": "believe any certificate: for trials only",
    "ca_file": "trust only the CA certificates of this file",
    "fingerprint": "trust the server or CA certificate with this fingerprint, SHA-256",
    "account": "the account to use, of those logged in to",
}
EXIT_CODES = {
    0: "done; also when the reader of the output stopped reading",
    1: "failed for a reason without a code of its own, as a tool does that answers with an error",
    2: "the command line, a setting or a value makes no sense",
    3: "no key, or one that the server does not accept",
    4: "the server does not permit this",
    5: "nothing has that name",
    6: "what was to be changed is no longer what was looked at, or its state does not allow the change",
    7: "no server there, one that is overloaded or not ready, or one whose certificate is not trusted (AMB-5002)",
    PARTIAL: "some of what was to be done was done, the rest was not; the messages tell which",
    130: "interrupted by Ctrl-C",
}
PRECEDENCE = (
    "An option goes before a variable, a variable before the configuration file, that before the account. An account "
    "named with --account goes before every variable. An empty variable counts as none."
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = command_group("The environment variables and the exit codes.")
    command(group, "environment", environment)
    command(group, "exit-codes", exit_codes)
    app.add_typer(group, name="help")


def variables() -> dict[str, str]:
    """Return every variable with what it means; one that an option says as well names it."""
    own = {
        variable: _MEANINGS[name] + (f"; as {sources.FLAGS[name]}" if name in sources.FLAGS else "")
        for name, variable in sources.ENVIRONMENT.items()
    }
    return {**own, **proxy_tunnel.ENVIRONMENT, "NO_COLOR": "no colours when it is set to anything"}


def environment(run: Run) -> int:
    """List the environment variables.

    Example: ambassador-client help environment
    """
    rows = [{"variable": name, "meaning": meaning} for name, meaning in variables().items()]
    show_rows(rows, run.output)
    run.say(PRECEDENCE)
    return 0


def exit_codes(run: Run) -> int:
    """List the exit codes.

    Example: ambassador-client help exit-codes
    """
    show_rows([{"code": code, "meaning": meaning} for code, meaning in EXIT_CODES.items()], run.output)
    return 0
