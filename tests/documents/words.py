"""The words an option takes that its command line declares as free text, from the code that knows them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from ambassador_client.hosts.installing.registry import all_hosts
from ambassador_protocol.sessions import HOST_TOOLS
from ambassador_server.config import ServerConfig
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.policy.decision import Reason
from ambassador_server.downstream.transports import known_transports
from tests.documents.model import Argument, Command, Option

_HOSTS = tuple(host.name for host in all_hosts())

# Commands by the beginning of their path, then options and arguments by name.
KNOWN: Mapping[str, Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "ambassador-client": {
        "proxy": {"--host-tool": HOST_TOOLS},
        "install": {"[HOST]...": _HOSTS},
        "uninstall": {"[HOST]...": _HOSTS},
        "undo": {"[HOST]...": _HOSTS},
        "hosts print": {"HOST": _HOSTS},
    },
    "ambassador-admin": {
        "audit": {"--action": tuple(AuditAction), "--outcome": tuple(Outcome), "--reason": tuple(Reason)},
        "kill tool-class": {"CLASS": tuple(ToolClass)},
        "mcp add": {"--transport": known_transports()},
    },
    "ambassador-server": {"serve": {"--tls": get_args(ServerConfig.model_fields["tls"].annotation)}},
}


def with_known_words(program: str, command: Command) -> Command:
    """Return the command and all below it with the words their options take."""
    known: dict[str, tuple[str, ...]] = {}
    for path, words in KNOWN[program].items():
        if f"{command.words} ".startswith(f"{path} "):
            known |= words
    return replace(
        command,
        options=tuple(_option(each, known) for each in command.options),
        arguments=tuple(_argument(each, known) for each in command.arguments),
        commands=tuple(with_known_words(program, each) for each in command.commands),
    )


def _option(option: Option, known: Mapping[str, tuple[str, ...]]) -> Option:
    choices = next((known[name] for name in option.names if name in known), option.choices)
    return replace(option, choices=tuple(str(each) for each in choices))


def _argument(argument: Argument, known: Mapping[str, tuple[str, ...]]) -> Argument:
    choices = known.get(argument.metavar, argument.choices)
    return replace(argument, choices=tuple(str(each) for each in choices))
