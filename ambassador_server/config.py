"""The server's configuration, merged from flags, environment, file and defaults, in this order of precedence."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    PrivateAttr,
    SerializeAsAny,
    ValidationError,
)

from ambassador_protocol import bounded_yaml
from ambassador_protocol.paths import DEFAULT_ADMIN_PORT, DEFAULT_CLIENT_PORT
from ambassador_protocol.server_urls import is_loopback, url_host
from ambassador_server.audit_sinks import read_sinks
from ambassador_server.audit_sinks.shared.options import SinkOptions
from ambassador_server.domain.shared.settings import Setting, Source, SourceKind
from ambassador_server.errors import ConfigurationError
from ambassador_server.wording.setting_faults import fault_text, unknown_text

Port = Annotated[int, Field(ge=0, le=65535)]
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 # compared with, never bound

ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "MCP_AMBASSADOR_DATA_DIR": ("data_dir",),
    "MCP_AMBASSADOR_HOST": ("host",),
    "MCP_AMBASSADOR_PORT": ("port",),
    "MCP_AMBASSADOR_ADMIN_HOST": ("admin_host",),
    "MCP_AMBASSADOR_ADMIN_PORT": ("admin_port",),
    "MCP_AMBASSADOR_TLS": ("tls",),
    "MCP_AMBASSADOR_DATABASE_URL": ("database_url",),
    "MCP_AMBASSADOR_NODE": ("node",),
    "MCP_AMBASSADOR_LOG_LEVEL": ("log_level",),
}
"""The setting that each environment variable sets."""

_FLAGS: Mapping[str, str] = {"lame_duck_seconds": "--lame-duck"}
"""The flags that are not called like their setting."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SessionSection(_Section):
    """How long client sessions may be idle and last, and how long administrators' logins last."""

    idle_seconds: Annotated[int, Field(ge=60, le=86400)] = 28800
    lifetime_seconds: Annotated[int, Field(ge=60, le=604800)] = 86400
    login_seconds: Annotated[int, Field(ge=300, le=604800)] = 43200
    per_key: Annotated[
        int,
        Field(ge=1, le=10000, description="Sessions of one client key on a server; the oldest ends first."),
    ] = 100


class ClientKeysSection(_Section):
    """What users may do with their client keys."""

    self_rotation_days: Annotated[
        int | None,
        Field(
            ge=1,
            le=3650,
            description="Days after its issue during which a user's rotations may prolong a key.",
        ),
    ] = None

    @property
    def prolonged(self) -> timedelta | None:
        """Return the same as a time span; None if users may not prolong keys."""
        return None if self.self_rotation_days is None else timedelta(days=self.self_rotation_days)


class AuditSection(_Section):
    """How the audit log is written."""

    fsync: Literal["interval", "always", "never"] = "interval"
    segment_bytes: Annotated[int, Field(ge=65536)] = 64 * 1024 * 1024
    segment_seconds: Annotated[float, Field(ge=60)] = 86400.0
    checkpoint_records: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    checkpoint_seconds: Annotated[float, Field(ge=1, le=86400)] = 300.0
    keep_segments_days: Annotated[
        int | None, Field(ge=1, description="Remove segments of the log that are older; by default none.")
    ] = None
    keep_index_days: Annotated[
        int | None, Field(ge=1, description="Remove older records from the index; the log still has them.")
    ] = None
    sinks: Annotated[
        tuple[SerializeAsAny[SinkOptions], ...],
        BeforeValidator(read_sinks),
        Field(description="Receivers of the records; see docs/audit-sinks.md."),
    ] = ()


class LimitsSection(_Section):
    """Limits for callers."""

    body_bytes: Annotated[int, Field(ge=65536, le=256 * 1024 * 1024)] = 16 * 1024 * 1024
    failed_logins: str = "10/minute"
    calls_per_minute: Annotated[int, Field(ge=1, description="Calls of one client key.")] = 60_000
    sessions_per_minute: Annotated[int, Field(ge=1, description="Sessions that one client key may open.")] = (
        1200
    )
    audit_bytes_per_minute: Annotated[
        int, Field(ge=65536, description="Bytes that the calls of one client key may add to the audit log.")
    ] = 512 * 1024 * 1024
    client_connections: Annotated[
        int, Field(ge=16, le=1_000_000, description="Connections that the client API accepts at once.")
    ] = 8192
    admin_connections: Annotated[
        int, Field(ge=16, le=1_000_000, description="Connections that the admin API accepts at once.")
    ] = 512
    connections_per_address: Annotated[
        int, Field(ge=1, le=1_000_000, description="Connections that each API accepts from one address.")
    ] = 1024
    proxies: Annotated[
        tuple[IPvAnyNetwork, ...],
        Field(
            description="Networks of proxies, which connections_per_address does not bind: all clients behind a proxy "
            "have its address."
        ),
    ] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    unread_seconds: Annotated[
        float,
        Field(
            ge=1, le=600, description="Seconds after which a client that reads none of an answer is cut off."
        ),
    ] = 30.0
    unread_bytes: Annotated[
        int,
        Field(
            ge=1024 * 1024,
            description="Bytes that the clients of one API may leave unread; beyond it the slowest are cut off.",
        ),
    ] = 256 * 1024 * 1024


class UserConnectionsSection(_Section):
    """Connections of MCPs with the isolation per_user; over stdio each is a process."""

    idle_seconds: Annotated[
        float, Field(ge=1, le=86400, description="Seconds after which an unused connection is closed.")
    ] = 600.0
    per_user: Annotated[int, Field(ge=1, le=1000, description="Connections that one user may have.")] = 8
    total: Annotated[
        int, Field(ge=1, le=100000, description="Connections that all users together may have.")
    ] = 128


class StdioSection(_Section):
    """Programs that the server starts for MCPs over stdio."""

    administrators_execute: Annotated[
        bool,
        Field(
            description="Whether the role admin has the right mcp:execute, to make the server start a command."
        ),
    ] = True
    allowed_commands: Annotated[
        tuple[Annotated[str, Field(pattern=r"\S")], ...] | None,
        Field(
            description="Globs of the programs that may be started, each also with globs for the first arguments, as "
            "in 'uvx mcp-server-*'; by default any."
        ),
    ] = None
    unsandboxed: Annotated[
        Literal["fallback", "allowed", "refused"],
        Field(
            description="Whether a program may run without a sandbox: where no other is available, also where an "
            "entry chooses it, or never."
        ),
    ] = "fallback"
    user: Annotated[
        str, Field(min_length=1, description="The user that runs programs in the sandbox `user`.")
    ] = "nobody"


class ServerConfig(_Section):
    """All settings of the server."""

    data_dir: Path = Path("ambassador-data")
    host: str = "127.0.0.1"
    port: Port = DEFAULT_CLIENT_PORT
    admin_host: str = "127.0.0.1"
    admin_port: Port = DEFAULT_ADMIN_PORT
    tls: Literal["on", "off"] = "on"
    certificate_file: Path | None = None
    certificate_key_file: Path | None = None
    hostnames: tuple[str, ...] = ()
    node: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
            description="Name of this server among its replicas, and of its directory in the audit log.",
        ),
    ] = "main"
    database_url: str | None = None
    separator: Annotated[str, Field(pattern=r"^[_-]{1,3}$")] = "__"
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 10.0
    lame_duck_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=300,
            description="Seconds at the end during which /ready is 503 while calls are still served.",
        ),
    ] = 0.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="Lowest level of messages on stderr.")
    ] = "info"
    session: SessionSection = SessionSection()
    client_keys: ClientKeysSection = ClientKeysSection()
    audit: AuditSection = AuditSection()
    limits: LimitsSection = LimitsSection()
    user_connections: UserConnectionsSection = UserConnectionsSection()
    stdio: StdioSection = StdioSection()

    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)
    _file: Path | None = PrivateAttr(default=None)

    @property
    def audit_dir(self) -> Path:
        """Return the directory of the audit log."""
        return self.data_dir / "audit"

    @property
    def keys_dir(self) -> Path:
        """Return the directory of the pepper and the signing keys."""
        return self.data_dir / "keys"

    @property
    def certificates_dir(self) -> Path:
        """Return the directory of the server's own CA and leaf."""
        return self.data_dir / "certificates"

    @property
    def own_paths(self) -> tuple[Path, ...]:
        """Return the files and directories that hold this server's own secrets."""
        files = (self._file, self.certificate_key_file)
        return (self.data_dir, *(path for path in files if path is not None))

    @property
    def store_url(self) -> str:
        """Return the URL of the database; the default is a SQLite file in the data directory."""
        return self.database_url or f"sqlite+aiosqlite:///{(self.data_dir / 'ambassador.db').resolve()}"

    @property
    def init_writer(self) -> str:
        """Return the audit writer of the command line, which can write while a server runs."""
        return f"{self.node}-init"

    def effective_settings(self, redact_url: Callable[[str], str]) -> tuple[Setting, ...]:
        """Return every setting with its source, with absolute paths; `redact_url` removes the secrets of a URL."""
        values = {**dict(_leaves(self)), "database_url": redact_url(self.store_url)}
        return tuple(
            Setting(name=name, value=value, source=self._sources.get(name, Source()))
            for name, value in values.items()
        )

    def certificate_names(self) -> frozenset[str]:
        """Return the host names and addresses under which clients reach the server."""
        addressed = {name for name in (self.host, self.admin_host) if name not in _ANY_ADDRESS}
        return frozenset({*addressed, *self.hostnames, *_LOOPBACK_NAMES})

    def allowed_hosts(self) -> frozenset[str]:
        """Return the same names in the form of a `Host` header."""
        return frozenset(url_host(name).lower() for name in self.certificate_names())


def load_config(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None
) -> ServerConfig:
    """Merge the sources and validate them; raises ConfigurationError naming the setting and its fault."""
    merged, sources = _merge(flags, environment, file)
    try:
        config = ServerConfig.model_validate(merged)
    except ValidationError as error:
        raise _fault(error, sources) from None
    _check_together(config)
    config._sources.update(sources)
    config._file = file
    return config


def _fault(error: ValidationError, sources: Mapping[str, Source]) -> ConfigurationError:
    """Return the first fault in words, with where the setting comes from."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        names = _section_names(first["loc"][:-1])
        return ConfigurationError(f"{name}: {unknown_text(str(first['loc'][-1]), names)}")
    text = fault_text(first["type"], first["msg"], first.get("ctx", {}))
    source = next((known for setting, known in sources.items() if _within(name, setting)), Source())
    return ConfigurationError(f"{name}: {text}" + (f" (from {source.place})" if source.place else ""))


def _within(name: str, setting: str) -> bool:
    return name == setting or name.startswith(f"{setting}.")


def _section_names(path: tuple[int | str, ...]) -> list[str]:
    """Return the names of the settings in a section, none for a section that is not ours."""
    section: type[BaseModel] = ServerConfig
    for part in path:
        field = section.model_fields.get(str(part))
        if (
            field is None
            or not isinstance(field.annotation, type)
            or not issubclass(field.annotation, BaseModel)
        ):
            return []
        section = field.annotation
    return list(section.model_fields)


def load_config_from_process(flags: Mapping[str, Any], file: Path | None = None) -> ServerConfig:
    """Merge flags with this process's environment."""
    return load_config(flags, os.environ, file)


def _merge(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None
) -> tuple[dict[str, Any], dict[str, Source]]:
    """Return the merged settings, and by dotted name the source of each."""
    merged: dict[str, Any] = {} if file is None else _read_file(file)
    sources = {name: Source(SourceKind.FILE, str((file or Path()).absolute())) for name, _ in _leaves(merged)}
    for variable, (name,) in ENVIRONMENT.items():
        if environment.get(variable):
            merged[name] = environment[variable]
            sources[name] = Source(SourceKind.ENVIRONMENT, variable)
    for name, value in flags.items():
        if value is not None:
            merged[name] = value
            sources[name] = Source(SourceKind.FLAG, _FLAGS.get(name, f"--{name.replace('_', '-')}"))
    return merged, sources


def _leaves(section: BaseModel | Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names and plain values; paths are absolute, because the reader may have another directory."""
    for name, value in dict(section).items():
        if isinstance(value, BaseModel | dict):
            yield from _leaves(value, f"{prefix}{name}.")
        elif name == "sinks" and isinstance(value, tuple):
            yield f"{prefix}{name}", [sink.model_dump(mode="json", exclude_unset=True) for sink in value]
        elif name == "proxies" and isinstance(value, tuple):  # networks have no plain form but their text
            yield f"{prefix}{name}", [str(network) for network in value]
        else:
            yield f"{prefix}{name}", str(value.absolute()) if isinstance(value, Path) else value


def _read_file(file: Path) -> dict[str, Any]:
    try:
        content = bounded_yaml.load(bounded_yaml.read_text(file))
    except OSError as error:
        raise ConfigurationError(f"Cannot read {file}: {error.strerror}") from error
    except bounded_yaml.YamlError as error:
        raise ConfigurationError(f"{file}: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file} must hold settings by name")
    return content


def _check_together(config: ServerConfig) -> None:
    if config.tls == "off" and not (is_loopback(config.host) and is_loopback(config.admin_host)):
        raise ConfigurationError(
            "tls: may be off only while both listeners are on a loopback address",
            hint="Leave TLS on, or use --host 127.0.0.1.",
        )
    if (config.certificate_file is None) != (config.certificate_key_file is None):
        raise ConfigurationError("certificate_file and certificate_key_file go together")
    if config.port == config.admin_port != 0 and config.host == config.admin_host:
        raise ConfigurationError(
            "admin_port: must differ from port; the admin API is never on the client port"
        )
