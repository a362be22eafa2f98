"""Environment variables, exit codes and files of the three programs, from the code that uses them."""

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import get_args

from ambassador_admin.cli import help_topics
from ambassador_admin.context.store import ContextStore
from ambassador_admin.directories import config_directory
from ambassador_client.account import setting_sources
from ambassador_client.account.account_store import AccountStore
from ambassador_client.account.credentials import CredentialStore
from ambassador_client.account.paths import config_directory as client_config
from ambassador_client.account.paths import runtime_directory, state_directory
from ambassador_client.cli import help_topics as client_topics
from ambassador_server.cli.app import _EXIT_CODES as _SERVER_EXIT_CODES
from ambassador_server.config import ENVIRONMENT as _SERVER_ENVIRONMENT
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.certificates import _Authority
from tests.documents.model import Command, Option

Rows = tuple[tuple[str, str], ...]

_DONE = "Done."
_OTHERWISE = "Failed for a reason without a code of its own; standard error says which."
_INTERRUPTED = "Interrupted by Ctrl-C."


def admin_environment() -> Rows:
    """Return the variables in the words of `help environment`."""
    return tuple((name, _sentence(text)) for name, text in help_topics._VARIABLES.items())


def admin_precedence() -> str:
    """Return what `help environment` says of the order of options, variables and contexts."""
    return help_topics._PRECEDENCE


def admin_exit_codes() -> Rows:
    """Return the codes in the words of `help exit-codes`."""
    return tuple((str(int(code)), _sentence(text)) for code, text in help_topics._MEANINGS.items())


def admin_files() -> Rows:
    """Return the files that `login` writes."""
    directory = config_directory({}, "linux")
    contexts, credentials = ContextStore(directory), CredentialStore(directory)
    return (
        (_at_home(contexts._path), "The contexts: the name, the server and the CA file of each."),
        (_at_home(contexts._ca_path("CONTEXT")), "A copy of the CA certificate of a server."),
        (
            _at_home(credentials._path("CONTEXT")),
            "The admin key of a context, if it is not in the system's keyring; only its owner can read the file.",
        ),
        (
            _at_home(config_directory({}, "darwin")),
            "The same on macOS. On Linux `XDG_CONFIG_HOME` replaces `~/.config` if it is set.",
        ),
    )


def client_environment() -> Rows:
    """Return the variables in the words of `help environment`."""
    return tuple((name, _sentence(text)) for name, text in client_topics.variables().items())


def client_precedence() -> str:
    """Return what `help environment` says of the order of options, variables, files and accounts."""
    return client_topics.PRECEDENCE


def client_exit_codes() -> Rows:
    """Return the codes in the words of `help exit-codes`."""
    return tuple((str(code), _sentence(text)) for code, text in client_topics.EXIT_CODES.items())


def client_files() -> Rows:
    """Return what the client reads and leaves behind."""
    book = AccountStore(client_config({}, "linux"))
    members = ", ".join(f"`{name}`" for name in setting_sources.ENVIRONMENT)
    runtime = "$XDG_RUNTIME_DIR" / PurePosixPath(
        runtime_directory({"XDG_RUNTIME_DIR": "/run"}, "linux").relative_to("/run")
    )
    return (
        ("FILE of --config", f"A JSON object; its members are {members}."),
        (
            _at_home(book._path),
            "The accounts: for each its server, its user and the expiry of its key. On macOS in "
            f"`{_at_home(client_config({}, 'darwin'))}`. `XDG_CONFIG_HOME` replaces `~/.config` if it is set.",
        ),
        (_at_home(book.directory / "ACCOUNT.ca.pem"), "The CA certificates of the server."),
        (
            _at_home(CredentialStore(book.directory)._path("ACCOUNT")),
            "The key of an account, if it is not in the system's keyring; only its owner can read the file.",
        ),
        (
            f"{_at_home(state_directory({}, 'linux') / 'trust')}/",
            "The certificates that match the given fingerprints.",
        ),
        (
            f"{runtime / 'sessions'}/",
            "The sessions of killed clients, which the next client continues; only their owner can read them. "
            f"Without `XDG_RUNTIME_DIR` they are in `{_at_home(runtime_directory({}, 'linux') / 'sessions')}`, "
            f"on macOS in `{_at_home(runtime_directory({}, 'darwin') / 'sessions')}`.",
        ),
        (
            f"{_at_home(state_directory({}, 'linux') / 'hosts')}/",
            "Backups of the files of applications from before the last ten changes, for `undo`; only their owner can "
            f"read them. On macOS they are in `{_at_home(state_directory({}, 'darwin') / 'hosts')}`.",
        ),
    )


def server_environment(root: Command) -> Rows:
    """Return the variables in the words of the options that set the same, or of the setting itself."""
    flags = {name: option for command in root.walk() for option in command.options for name in option.names}
    return tuple(
        (variable, _setting(name, flags.get(f"--{name.replace('_', '-')}")))
        for variable, (name,) in _SERVER_ENVIRONMENT.items()
    )


def server_exit_codes() -> Rows:
    """Return the codes the server's command line ends with."""
    own = {code: _first_line(kind) for kind, code in _SERVER_EXIT_CODES.items() if code != 2}
    usage = "The command line, the configuration or a value is invalid."
    codes = {0: _DONE, 1: _OTHERWISE, 2: usage, 130: _INTERRUPTED} | own
    return tuple((str(code), codes[code]) for code in sorted(codes))


def server_files() -> Rows:
    """Return what is in the data directory, at its default place."""
    config = ServerConfig()
    database = config.data_dir / PurePosixPath(config.store_url).name
    ca_file = _Authority(config.certificates_dir, datetime.now(UTC)).ca_file
    return (
        (f"{config.keys_dir}/", "The pepper of stored keys and the keys that sign session tokens."),
        (
            f"{config.certificates_dir}/",
            "The server's own certificate authority and the certificate it issued.",
        ),
        (f"{ca_file}", "The CA certificate: give this one to clients and administrators."),
        (f"{config.audit_dir}/", "The audit log, one directory for each writer."),
        (f"{database}", "The database, unless `--database-url` names another."),
        ("FILE of --config", "YAML. These are its members and what holds without them:"),
    )


def _setting(name: str, option: Option | None) -> str:
    field = ServerConfig.model_fields[name]
    said = field.description or f"The setting `{name}` of the configuration file."
    text = said if option is None else _as_flag(option)
    words = get_args(field.annotation)
    if option is None and words and all(isinstance(word, str) for word in words):
        text += f" One of {', '.join(words)}."
    return text if field.default is None else f"{text} Default: {field.default}."


def _as_flag(option: Option) -> str:
    return f"{option.help} As `{option.names[-1]}`."


def _first_line(kind: type[Exception]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def _at_home(path: Path) -> str:
    return f"~/{path.relative_to(Path.home()).as_posix()}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
