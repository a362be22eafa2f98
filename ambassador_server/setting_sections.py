"""The sections of the server's configuration: settings that belong together, with their bounds and defaults."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SerializeAsAny,
    model_validator,
)

from ambassador_server.audit_sinks import read_sinks
from ambassador_server.audit_sinks.shared.options import Headers, SinkOptions, Url

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def _check_origin(text: str) -> str:
    """Return the origin of a web page; raises ValueError for what no browser sends as one."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise ValueError(
            "must be an origin such as https://app.example.com, in small letters and without a path"
        )
    if found["port"] is not None and found["port"] == _DEFAULT_PORTS.get(found["scheme"]):
        raise ValueError(f"must not have the port {found['port']}, which browsers leave out")
    return text


class Section(BaseModel):
    """Settings that belong together; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


class LogLevelsSection(Section):
    """The lowest level of the messages of one room of the server; `log_level` holds for the others.

    Below a warning some libraries write what they send, such as values of the database.
    """

    web: LogLevel | None = None
    mcp: LogLevel | None = None
    downstream: LogLevel | None = None
    services: LogLevel | None = None
    audit: LogLevel | None = None
    storage: LogLevel | None = None
    server: LogLevel | None = None
    libraries: Literal["warning", "error"] | None = None

    def chosen(self) -> dict[str, LogLevel]:
        """Return the level of each room that has one of its own."""
        return {room: level for room, level in self if level is not None}


class ClientCertificatesSection(Section):
    """Certificates of the clients of one API; see docs/client-certificates.md."""

    mode: Annotated[
        Literal["off", "optional", "required"],
        Field(description="Whether clients are asked for a certificate, and whether they need one."),
    ] = "off"
    ca_file: Annotated[
        Path | None, Field(description="Certificates of the authorities whose certificates are accepted.")
    ] = None
    crl_file: Annotated[
        Path | None,
        Field(description="Revocation lists of these authorities; without valid ones none is accepted."),
    ] = None

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        if self.mode != "off" and self.ca_file is None:
            raise ValueError("ca_file is missing: whose certificates are accepted")
        if self.mode == "off" and (self.ca_file or self.crl_file):
            raise ValueError("mode is off: choose optional or required")
        return self


class SessionSection(Section):
    """How long client sessions may be idle and last, and how long administrators' logins last."""

    idle_seconds: Annotated[int, Field(ge=60, le=86400)] = 28800
    lifetime_seconds: Annotated[int, Field(ge=60, le=604800)] = 86400
    login_seconds: Annotated[int, Field(ge=300, le=604800)] = 43200
    per_key: Annotated[
        int,
        Field(ge=1, le=10000, description="Sessions of one client key on a server; the oldest ends first."),
    ] = 100


class ClientKeysSection(Section):
    """What users may do with their client keys."""

    self_rotation_days: Annotated[
        int | None,
        Field(
            ge=1,
            le=3650,
            description="Days after its issue during which a user's rotations may prolong a key.",
        ),
    ] = None

    sign_in_days: Annotated[
        int,
        Field(ge=1, le=365, description="Days after which a user has to sign in with an issuer again."),
    ] = 30

    @property
    def prolonged(self) -> timedelta | None:
        """Return the same as a time span; None if users may not prolong keys."""
        return None if self.self_rotation_days is None else timedelta(days=self.self_rotation_days)


class ApprovalsSection(Section):
    """Calls that need the approval of another person."""

    hold_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=300,
            description="How long a call waits for a decision before its answer says that it is pending.",
        ),
    ] = 2.0


class AccessRequestsSection(Section):
    """Access for which users ask, and which another person gives them for some time."""

    longest_seconds: Annotated[
        int,
        Field(ge=60, le=90 * 86400, description="For how long access may be asked for at most."),
    ] = 7 * 86400

    @property
    def longest(self) -> timedelta:
        """Return the same as a time span."""
        return timedelta(seconds=self.longest_seconds)


class AuditSection(Section):
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


class LimitsSection(Section):
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


class UserConnectionsSection(Section):
    """Connections of MCPs with the isolation per_user; over stdio each is a process."""

    idle_seconds: Annotated[
        float, Field(ge=1, le=86400, description="Seconds after which an unused connection is closed.")
    ] = 600.0
    per_user: Annotated[int, Field(ge=1, le=1000, description="Connections that one user may have.")] = 8
    total: Annotated[
        int, Field(ge=1, le=100000, description="Connections that all users together may have.")
    ] = 128


class DownstreamsSection(Section):
    """How the server finds out that an MCP fails, and what it does then."""

    heartbeat_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=86400,
            description="Seconds of silence after which a connected MCP gets a ping; 0: never.",
        ),
    ] = 30.0
    failures: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="Failures in a row after which calls are refused at once until a probe succeeds.",
        ),
    ] = 5
    longest_retry_seconds: Annotated[
        float, Field(ge=1, le=3600, description="Longest pause between two probes of an MCP that fails.")
    ] = 60.0
    grace_seconds: Annotated[
        float | None,
        Field(
            ge=0,
            description="Seconds for which the last known tools of a failing MCP are listed; by default without end.",
        ),
    ] = None


class StdioSection(Section):
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


class CorsSection(Section):
    """Web pages that may use `/mcp` from a browser."""

    origins: Annotated[
        tuple[Annotated[str, AfterValidator(_check_origin)], ...],
        Field(description="Origins such as https://app.example.com, exactly as browsers send them."),
    ] = ()


class TelemetrySection(Section):
    """Traces and metrics for a collector of OpenTelemetry; see docs/telemetry.md."""

    endpoint: Annotated[
        Url | None,
        Field(
            description="Address of the collector for OTLP/HTTP, without `/v1/...`; without it nothing is exported."
        ),
    ] = None
    headers: Annotated[
        Headers, Field(description="Headers of the requests, such as an API key; values by reference.")
    ] = {}
    ca_file: Annotated[
        Path | None,
        Field(description="Certificates of the authorities to trust, instead of those of the system."),
    ] = None
    certificate_file: Annotated[
        Path | None, Field(description="Certificate by which the collector knows this server.")
    ] = None
    certificate_key_file: Annotated[Path | None, Field(description="The key of that certificate.")] = None
    service_name: Annotated[
        str, Field(min_length=1, max_length=100, description="`service.name` of what is exported.")
    ] = "mcp-ambassador"
    traces: Annotated[bool, Field(description="Whether spans are exported.")] = True
    sample_ratio: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Part of the traces that begin here; others go on as their beginning says.",
        ),
    ] = 1.0
    propagate: Annotated[bool, Field(description="Whether MCPs get the context of the trace in `_meta`.")] = (
        True
    )
    metrics: Annotated[bool, Field(description="Whether the metrics of `/metrics` are exported.")] = True
    metrics_seconds: Annotated[
        float, Field(ge=1, le=3600, description="Seconds between two exports of metrics.")
    ] = 60.0
    timeout_seconds: Annotated[
        float, Field(ge=0.1, le=60, description="How long the collector has to take a request.")
    ] = 10.0

    @model_validator(mode="after")
    def _check_certificate(self) -> Self:
        if (self.certificate_file is None) != (self.certificate_key_file is None):
            raise ValueError("certificate_file and certificate_key_file go together")
        return self


class BroadcastsSection(Section):
    """Calls that go to the same tool of several MCPs at once."""

    targets: Annotated[int, Field(ge=2, le=32, description="MCPs that one call goes to at most.")] = 32
    at_once: Annotated[int, Field(ge=1, le=32, description="How many of them are called at once.")] = 16
    target_seconds: Annotated[
        float,
        Field(ge=0.1, le=3600, description="Deadline for each MCP, besides the one that the MCP has itself."),
    ] = 20.0
    seconds: Annotated[float, Field(ge=0.1, le=3600, description="Deadline for the whole call.")] = 30.0
    result_bytes: Annotated[
        int,
        Field(ge=65536, le=64 * 1024 * 1024, description="Bytes of the answer; longer ones of MCPs are cut."),
    ] = 512 * 1024
