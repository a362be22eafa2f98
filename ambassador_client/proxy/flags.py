"""The command line options of the proxy; their names are those of the original client."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ambassador_client.account.setting_sources import Flags
from ambassador_client.errors import UsageError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, "Run: ambassador-client proxy --help")


def parser() -> argparse.ArgumentParser:
    """Return the argument parser; it raises UsageError for invalid arguments."""
    parser = _Parser(
        prog="ambassador-client proxy",
        description="Relay between an AI application on standard input and output and the MCP Ambassador server.",
        epilog="The preshared key is set by MCP_AMBASSADOR_PRESHARED_KEY or the configuration file, not by an option.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON file with settings")
    parser.add_argument("--server", dest="server_url", metavar="URL", help="address of the server")
    parser.add_argument("--ca-file", metavar="FILE", help="trust only the CA certificates in this PEM file")
    parser.add_argument(
        "--fingerprint", metavar="SHA256", help="trust the server or CA certificate with this fingerprint"
    )
    parser.add_argument("--account", metavar="NAME", help="name of the account to use")
    parser.add_argument(
        "--friendly-name", metavar="NAME", help="name of this client as shown to administrators"
    )
    parser.add_argument("--host-tool", metavar="TOOL", help="the AI application that starts this client")
    parser.add_argument(
        "--heartbeat-interval",
        dest="heartbeat_interval_seconds",
        metavar="SECONDS",
        help="interval of the heartbeats to the server, from 15 to 300",
    )
    parser.add_argument(
        "--allow-self-signed",
        action="store_true",
        default=None,
        help="accept any certificate; for trials only",
    )
    # Flags of the original client that have no effect; accepted so that its configurations keep working.
    parser.add_argument("--cache-ttl", help=argparse.SUPPRESS)
    parser.add_argument("--disable-cache", action="store_true", help=argparse.SUPPRESS)
    return parser


def parse_flags(arguments: Sequence[str]) -> Flags:
    """Parse the flags; raises UsageError, and SystemExit after `--help`."""
    given = vars(parser().parse_args(list(arguments)))
    return Flags(**{name: given[name] for name in Flags.__slots__})
