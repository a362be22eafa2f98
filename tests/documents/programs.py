"""The three programs as their documents show them: command line, prose and facts."""

from dataclasses import dataclass, replace
from functools import cache, cached_property

import typer
import yaml

from ambassador_admin.cli.app import app as admin_app
from ambassador_client.cli.app import _app as client_app
from ambassador_client.proxy import flags as proxy_flags
from ambassador_server.cli.app import app as server_app
from ambassador_server.config import ServerConfig
from tests.documents import facts
from tests.documents.facts import Rows
from tests.documents.model import Command, Option, read_argparse, read_typer
from tests.documents.words import with_known_words

CLIENT = "ambassador-client"
ADMIN = "ambassador-admin"
SERVER = "ambassador-server"


@dataclass(frozen=True, kw_only=True)  # without slots, which leave no place for what is computed once
class Program:
    """One program; in prose, `what is typed` stands between backticks.

    `synopsis` has one form per line, `steps` are pairs of a purpose and the lines to type, `settings` is the whole
    configuration file with its defaults.
    """

    name: str
    purpose: str
    synopsis: tuple[str, ...]
    description: tuple[str, ...]
    options: str
    root: Command
    environment: Rows
    precedence: str
    exit_codes: Rows
    files: Rows
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    settings: str = ""

    @property
    def others(self) -> tuple[str, ...]:
        """The programs to read about next."""
        return tuple(name for name in (CLIENT, ADMIN, SERVER) if name != self.name)

    @cached_property
    def shared_options(self) -> tuple[Option, ...]:
        """The options that every command takes, be it before or behind its words."""
        return tuple(
            each for each in self.root.options if all(each in leaf.options for leaf in self.root.leaves())
        )

    def own_options(self, command: Command) -> tuple[Option, ...]:
        """Return the options of a command but for those the whole program has."""
        return tuple(each for each in command.options if each not in self.root.options)


@cache
def programs() -> tuple[Program, ...]:
    """Return the programs in the order a reader meets them."""
    return (_client(), _admin(), _server())


def _client() -> Program:
    root = with_known_words(CLIENT, _client_tree())
    return Program(
        name=CLIENT,
        purpose="relay between an AI application and MCP Ambassador",
        synopsis=("ambassador-client [proxy] [OPTION]...", "ambassador-client COMMAND [OPTION]..."),
        description=(
            "`ambassador-client` is an MCP server on standard input and output. It gives an AI application every tool "
            "that the organisation has published for its user. It relays each call to `ambassador-server`, which "
            "decides about it, records it and routes it.",
            "Without a command and without a terminal, or with an option of the proxy as the first argument, it runs "
            "the proxy: this is how applications start it. All other commands are for people.",
            "`login` saves a server and a key as an account: the key in the system's keyring if there is one, else in "
            "a file that only its owner can read. On Linux the keyring needs the extra `keyring`. Programs can set "
            "the same by variables or the configuration file. A key is never given on the command line, because "
            "other processes can read it there.",
            "`call` shows the images in the result of a tool where the terminal can. The environment tells whether it "
            "is one with the protocol of kitty or of iTerm2; any other is asked whether it has sixel, and for sixel, "
            "as for images other than PNG in kitty, the extra `images` is needed (pillow, 22 MB).",
        ),
        options="Every command takes `-h`. `--version` is used without a command.",
        root=root,
        environment=facts.client_environment(),
        precedence=facts.client_precedence(),
        exit_codes=facts.client_exit_codes(),
        files=facts.client_files(),
        steps=(
            (
                "Log in with a one-time code from your administrator, list your tools and check the setup:",
                (
                    "ambassador-client login https://ambassador.example.com --code 7KQF-3M2X-9TWD",
                    "ambassador-client tools list",
                    "ambassador-client doctor",
                ),
            ),
            (
                "Use variables instead of an account, for a program:",
                (
                    "export MCP_AMBASSADOR_URL=https://ambassador.example.com:8443",
                    "export MCP_AMBASSADOR_PRESHARED_KEY=file:///home/alice/.config/ambassador.key",
                    "ambassador-client status",
                ),
            ),
            (
                "Start the proxy as an application does, with the same variables:",
                ("ambassador-client proxy --host-tool claude-code",),
            ),
        ),
    )


def _admin() -> Program:
    return Program(
        name=ADMIN,
        purpose="administer MCP Ambassador: users, groups, MCPs, grants, keys, kill switches, audit",
        synopsis=(
            "ambassador-admin [OPTION]... NOUN VERB [ARGUMENT]... [OPTION]...",
            "ambassador-admin [OPTION]... VERB [ARGUMENT]... [OPTION]...",
        ),
        description=(
            "`ambassador-admin` sets who may use which tools, searches and verifies the audit, and activates kill "
            "switches. A command is a noun and a verb: `list` shows a summary, `show` the details.",
            "Data is written to standard output, messages to standard error. The JSON output is stable, so scripts "
            "should use `-o json`. An error is a line with a stable code, such as AMB-1002, followed by a hint on how "
            "to solve it and the id of the request.",
            "Every command that changes something has the option `--dry-run`, which shows the request without sending "
            "it. Destructive commands ask for confirmation on a terminal, and need `--yes` without one.",
            "An admin key is never given on the command line, but at a prompt, on standard input, or as `env://NAME` "
            "or `file://PATH`. An issued key is shown once.",
        ),
        options="Every command takes these, before or after the noun; `--version` is used without a command.",
        root=with_known_words(ADMIN, read_typer(typer.main.get_command(admin_app))),
        environment=facts.admin_environment(),
        precedence=facts.admin_precedence(),
        exit_codes=facts.admin_exit_codes(),
        files=facts.admin_files(),
        steps=(
            (
                "Log in, and trust the certificate authority with the fingerprint that the server printed:",
                ("ambassador-admin login https://ambassador.example.com:9443 --fingerprint SHA256",),
            ),
            (
                "Publish an MCP for a group, and issue a key to a user:",
                (
                    "ambassador-admin mcp add time -- uvx mcp-server-time",
                    "ambassador-admin mcp publish time",
                    "ambassador-admin group create developers",
                    "ambassador-admin grant add developers time",
                    "ambassador-admin user create alice",
                    "ambassador-admin group add-member developers alice",
                    "ambassador-admin key issue alice --name laptop --key-file alice.key",
                ),
            ),
            (
                "Stop the MCP for two hours, and show the calls that were refused:",
                (
                    "ambassador-admin kill mcp time --reason 'incident 42' --for 2h",
                    "ambassador-admin audit query --outcome denied --reason kill_switch --since 2h",
                ),
            ),
            (
                "Use an admin key from the environment in a script:",
                (
                    "export MCP_AMBASSADOR_ADMIN_URL=https://ambassador.example.com:9443",
                    "export MCP_AMBASSADOR_ADMIN_KEY=file:///run/secrets/ambassador-admin-key",
                    "ambassador-admin user list -o json",
                ),
            ),
        ),
    )


def _server() -> Program:
    root = with_known_words(SERVER, read_typer(typer.main.get_command(server_app)))
    return Program(
        name=SERVER,
        purpose="governs access to an organisation's MCP tools",
        synopsis=("ambassador-server COMMAND [OPTION]...",),
        description=(
            "`ambassador-server` authenticates each client, decides each call by groups, grants and kill switches, "
            "records it, and routes it to an MCP server. It has two listeners: the client API, for "
            "`ambassador-client` and any other MCP host, and the admin API, for `ambassador-admin`.",
            "It starts on SQLite with one data directory. TLS is on from the beginning, with a certificate "
            "authority of its own unless certificates are given.",
        ),
        options="Every command takes `--help`. `--version` stands alone.",
        root=root,
        environment=facts.server_environment(root),
        precedence="An option goes before a variable, a variable before the configuration file.",
        exit_codes=facts.server_exit_codes(),
        files=facts.server_files(),
        settings=yaml.safe_dump(ServerConfig().model_dump(mode="json"), sort_keys=False),
        steps=(
            (
                "Set up a first server by five questions, and start it:",
                ("ambassador-server quickstart",),
            ),
            (
                "Set up a server step by step and start it:",
                (
                    "ambassador-server init --data-dir ./data --hostname ambassador.example.com",
                    "ambassador-server serve --data-dir ./data --host 0.0.0.0",
                ),
            ),
            (
                "Check data directory, schema and the chain of the audit log, for a program to read:",
                ("ambassador-server check --data-dir ./data --json",),
            ),
        ),
    )


def _client_tree() -> Command:
    tree = read_typer(typer.main.get_command(client_app(lambda _: 0)))
    own = read_argparse(proxy_flags.parser())
    commands = tuple(
        replace(each, options=own) if each.path == ("proxy",) else each for each in tree.commands
    )
    return replace(tree, commands=commands, implied="proxy")
