"""The server's configuration, merged from flags, environment, file and defaults, in this order of precedence."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from ambassador_protocol import bounded_yaml
from ambassador_protocol.paths import CREDENTIAL_PAGE, DEFAULT_ADMIN_PORT, DEFAULT_CLIENT_PORT
from ambassador_protocol.server_urls import is_loopback, url_host
from ambassador_server.domain.shared.settings import Setting, Source, SourceKind
from ambassador_server.errors import ConfigurationError
from ambassador_server.gateway_section import GatewaySection
from ambassador_server.secret_stores import VAULT_TOKEN_FILE
from ambassador_server.setting_sections import (
    AccessRequestsSection,
    ApprovalsSection,
    AuditSection,
    BroadcastsSection,
    ClientCertificatesSection,
    ClientKeysSection,
    CorsSection,
    DownstreamsSection,
    LimitsSection,
    LogLevel,
    LogLevelsSection,
    Section,
    SessionSection,
    StdioSection,
    TelemetrySection,
    UserConnectionsSection,
)
from ambassador_server.wording.setting_faults import fault_text, unknown_text

Port = Annotated[int, Field(ge=0, le=65535)]
PUBLIC_URL = r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"
"""A scheme, a host, and optionally a port and a path; no user, query or fragment."""
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
    "MCP_AMBASSADOR_PUBLIC_URL": ("public_url",),
    "MCP_AMBASSADOR_LOG_LEVEL": ("log_level",),
    "MCP_AMBASSADOR_LOG_FORMAT": ("log_format",),
}
"""The setting that each environment variable sets."""

_FLAGS: Mapping[str, str] = {"lame_duck_seconds": "--lame-duck"}
"""The flags that are not called like their setting."""


class ServerConfig(Section):
    """All settings of the server."""

    data_dir: Path = Path("ambassador-data")
    host: str = "127.0.0.1"
    port: Port = DEFAULT_CLIENT_PORT
    admin_host: str = "127.0.0.1"
    admin_port: Port = DEFAULT_ADMIN_PORT
    tls: Literal["on", "off"] = "on"
    certificate_file: Path | None = None
    certificate_key_file: Path | None = None
    client_certificates: ClientCertificatesSection = ClientCertificatesSection()
    admin_client_certificates: ClientCertificatesSection = ClientCertificatesSection()
    hostnames: tuple[str, ...] = ()
    public_url: Annotated[
        str | None,
        Field(
            pattern=PUBLIC_URL,
            description="URL under which people reach this server with a browser; without it no links are given.",
        ),
    ] = None
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
    log_level: Annotated[LogLevel, Field(description="Lowest level of messages on stderr.")] = "info"
    log_format: Annotated[
        Literal["auto", "json", "text"],
        Field(description="Form of messages on stderr; auto is text on a terminal, else json."),
    ] = "auto"
    log_levels: LogLevelsSection = LogLevelsSection()
    legacy_sse: Annotated[
        bool, Field(description="Whether /sse serves hosts that know only the HTTP+SSE of 2024-11-05.")
    ] = False
    session: SessionSection = SessionSection()
    client_keys: ClientKeysSection = ClientKeysSection()
    approvals: ApprovalsSection = ApprovalsSection()
    access_requests: AccessRequestsSection = AccessRequestsSection()
    audit: AuditSection = AuditSection()
    limits: LimitsSection = LimitsSection()
    downstreams: DownstreamsSection = DownstreamsSection()
    user_connections: UserConnectionsSection = UserConnectionsSection()
    stdio: StdioSection = StdioSection()
    cors: CorsSection = CorsSection()
    gateway: GatewaySection = GatewaySection()
    telemetry: TelemetrySection = TelemetrySection()
    broadcasts: BroadcastsSection = BroadcastsSection()

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
        token_file = os.environ.get(VAULT_TOKEN_FILE)
        files = (self._file, self.certificate_key_file, Path(token_file) if token_file else None)
        return (self.data_dir, *(path for path in files if path is not None))

    def credential_link(self, mcp_name: str) -> str | None:
        """Return the address where users give their credential for an MCP; None without a public URL."""
        base = self.public_url
        return None if base is None else f"{base.rstrip('/')}{CREDENTIAL_PAGE}/{mcp_name}"

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
        hosts = (self.host, self.admin_host, self.gateway.host)
        addressed = {name for name in hosts if name is not None and name not in _ANY_ADDRESS}
        return frozenset({*addressed, *self.hostnames, *_LOOPBACK_NAMES})

    def allowed_hosts(self) -> frozenset[str]:
        """Return the same names, and that of the public URL, in the form of a `Host` header."""
        names = {url_host(name).lower() for name in self.certificate_names()}
        public = urlsplit(self.public_url or "").hostname
        return frozenset({*names, url_host(public)} if public else names)


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
    sections = (config.client_certificates, config.admin_client_certificates)
    if config.tls == "off" and any(section.mode != "off" for section in sections):
        raise ConfigurationError("client_certificates: need TLS, which is off")
    if config.tls == "off" and config.gateway.host is not None:
        raise ConfigurationError("gateway.host: its listener asks for a certificate, which needs tls: on")
    if (config.certificate_file is None) != (config.certificate_key_file is None):
        raise ConfigurationError("certificate_file and certificate_key_file go together")
    if config.port == config.admin_port != 0 and config.host == config.admin_host:
        raise ConfigurationError(
            "admin_port: must differ from port; the admin API is never on the client port"
        )
    gateway = config.gateway
    if gateway.host is not None and gateway.port != 0:
        for host, port, name in (
            (config.host, config.port, "port"),
            (config.admin_host, config.admin_port, "admin_port"),
        ):
            if (gateway.host, gateway.port) == (host, port):
                raise ConfigurationError(
                    f"gateway.port: must differ from {name}; the gateway has a listener of its own"
                )
