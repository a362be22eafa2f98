"""`help`: what no single command can explain, from the tables the program itself goes by."""

import typer

from ambassador_client.account import sources, tunnel
from ambassador_client.cli.command import Run, command, noun
from ambassador_client.cli.output import show_rows

_OWN = {
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
PRECEDENCE = (
    "An option goes before a variable, a variable before the configuration file, that before the account. An account "
    "named with --account goes before every variable. An empty variable counts as none."
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = noun("The environment variables.")
    command(group, "environment", environment)
    app.add_typer(group, name="help")


def variables() -> dict[str, str]:
    """Return every variable with what it means; one that an option says as well names it."""
    own = {
        variable: _OWN[name] + (f"; as {sources.FLAGS[name]}" if name in sources.FLAGS else "")
        for name, variable in sources.ENVIRONMENT.items()
    }
    return {**own, **tunnel.ENVIRONMENT, "NO_COLOR": "no colours when it is set to anything"}


def environment(run: Run) -> int:
    """List the environment variables.

    Example: ambassador-client help environment
    """
    rows = [{"variable": name, "meaning": meaning} for name, meaning in variables().items()]
    show_rows(rows, run.output)
    run.say(PRECEDENCE)
    return 0
