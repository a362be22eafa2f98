"""The command line of the proxy, in the words of the original client."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ambassador_client.account.sources import Flags
from ambassador_client.errors import UsageError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, "Run: ambassador-client proxy --help")


def parser() -> argparse.ArgumentParser:
    """Return the parser, which raises UsageError for what it does not understand."""
    parser = _Parser(
        prog="ambassador-client proxy",
        description="Relay between an AI application on standard input and output and the MCP Ambassador server.",
        epilog="The preshared key comes from MCP_AMBASSADOR_PRESHARED_KEY or the configuration file, never from here.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON file with settings")
    parser.add_argument("--server", dest="server_url", metavar="URL", help="address of the server")
    parser.add_argument("--ca-file", metavar="FILE", help="trust only the CA certificates in this PEM file")
    parser.add_argument(
        "--fingerprint", metavar="SHA256", help="trust the server or CA certificate with this fingerprint"
    )
    parser.add_argument("--account", metavar="NAME", help="the account to use, of those logged in to")
    parser.add_argument("--friendly-name", metavar="NAME", help="how administrators see this client")
    parser.add_argument("--host-tool", metavar="TOOL", help="the application this client works for")
    parser.add_argument(
        "--heartbeat-interval",
        dest="heartbeat_interval_seconds",
        metavar="SECONDS",
        help="how often the server hears that we are here, from 15 to 300",
    )
    parser.add_argument(
        "--allow-self-signed",
        action="store_true",
        default=None,
        help="believe any certificate: for trials only",
    )
    # The original's cache flags have no meaning here and do no harm.
    parser.add_argument("--cache-ttl", help=argparse.SUPPRESS)
    parser.add_argument("--disable-cache", action="store_true", help=argparse.SUPPRESS)
    return parser


def parse_flags(arguments: Sequence[str]) -> Flags:
    """Return the flags; raises UsageError, and ends the process after `--help`."""
    given = vars(parser().parse_args(list(arguments)))
    return Flags(**{name: given[name] for name in Flags.__slots__})
