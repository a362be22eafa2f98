"""The command `help`: environment variables and exit codes, from the tables that the program uses."""

import typer

from ambassador_client.account import proxy_tunnel, setting_sources
from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.hosts import PARTIAL
from ambassador_client.cli.output import show_rows

_MEANINGS = {
    "server_url": "the address of the server",
    "preshared_key": "the preshared key, or its place: env://NAME or file://PATH",
    "friendly_name": "name of this client as shown to administrators",
    "host_tool": "the AI application that starts this client",
    "heartbeat_interval_seconds": "interval of the heartbeats to the server, in seconds from 15 to 300",
    "allow_self_signed": "accept any certificate; for trials only",
    "ca_file": "trust only the CA certificates of this file",
    "fingerprint": "trust the server or CA certificate with this fingerprint, SHA-256",
    "client_cert": "the certificate by which the server knows this client, a file in PEM",
    "client_key": "the file with its key, unless that is in the same file",
    "client_key_passphrase": "the place of the key's passphrase: env://NAME or file://PATH",
    "account": "the name of the account to use",
}
EXIT_CODES = {
    0: "success; also when the reader closed the output early",
    1: "a failure without an exit code of its own, such as a tool that returns an error",
    2: "the command line, a setting or a value is invalid",
    3: "no key, or the server does not accept it",
    4: "the server does not permit this",
    5: "no object of this name exists",
    6: "conflict: the object was changed meanwhile, or its state does not allow the change",
    7: "the server is unreachable, overloaded or not ready, or its certificate is not trusted (AMB-5002)",
    8: "not finished: nobody consented in time",
    PARTIAL: "partial success: some changes were made, others failed; the messages name them",
    130: "interrupted by Ctrl-C",
}
PRECEDENCE = (
    "An option overrides a variable, a variable overrides the configuration file, the file overrides the account. An "
    "account named with --account overrides every variable. An empty variable counts as not set."
)


def register(app: typer.Typer) -> None:
    """Register the commands."""
    group = command_group("The environment variables and the exit codes.")
    command(group, "environment", environment)
    command(group, "exit-codes", exit_codes)
    app.add_typer(group, name="help")


def variables() -> dict[str, str]:
    """Return every environment variable with its meaning and, if there is one, the equivalent option."""
    own = {
        variable: _MEANINGS[name]
        + (f"; same as {setting_sources.FLAGS[name]}" if name in setting_sources.FLAGS else "")
        for name, variable in setting_sources.ENVIRONMENT.items()
    }
    return {**own, **proxy_tunnel.ENVIRONMENT, "NO_COLOR": "disables colours if set to any value"}


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
