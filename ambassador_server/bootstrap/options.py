"""Converts sections of the configuration to the options of the packages that are configured by them."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from ambassador_server.audit_log.options import AuditLogOptions, Fsync
from ambassador_server.audit_sinks import build_sink
from ambassador_server.audit_sinks.shared.options import SinkOptions
from ambassador_server.config import ServerConfig
from ambassador_server.domain.people.sessions import SessionBounds
from ambassador_server.downstream.per_user import UserLimits
from ambassador_server.downstream.programs.settings import HiddenFiles, ProgramSettings, referenced_files
from ambassador_server.downstream.supervisor import Limits
from ambassador_server.services.audit.delivery import SinkSettings
from ambassador_server.storage.database_url import database_file

_SQLITE_ENDS = ("-wal", "-shm", "-journal")
_MARK_DIGITS = 16


def log_options(config: ServerConfig) -> AuditLogOptions:
    """Return the options of the audit log."""
    section = config.audit
    return AuditLogOptions(
        fsync=Fsync(section.fsync),
        segment_max_bytes=section.segment_bytes,
        segment_max_age=section.segment_seconds,
        checkpoint_records=section.checkpoint_records,
        checkpoint_interval=section.checkpoint_seconds,
    )


def sink_settings(options: SinkOptions) -> SinkSettings:
    """Build a sink and return it with the settings of its delivery."""
    return SinkSettings(
        name=options.name,
        kind=options.type,
        sink=build_sink(options),
        batch_records=options.batch_records,
        batch_bytes=options.batch_bytes,
        linger=options.linger_seconds,
        timeout=options.timeout_seconds,
        wants=options.wants,
    )


def user_limits(config: ServerConfig) -> UserLimits:
    """Return the limits of `per_user` connections."""
    section = config.user_connections
    return UserLimits(idle=section.idle_seconds, per_user=section.per_user, total=section.total)


def downstream_limits(config: ServerConfig) -> Limits:
    """Return the limits of the connections to MCPs."""
    section = config.downstreams
    return Limits(
        heartbeat=section.heartbeat_seconds,
        failures=section.failures,
        longest_retry=section.longest_retry_seconds,
        grace=section.grace_seconds,
    )


def program_settings(config: ServerConfig) -> ProgramSettings:
    """Return the settings of programs; everything that belongs to the server itself is hidden from them."""
    hidden = [*config.own_paths, *_files_in(config.model_dump())]
    database = database_file(config.store_url)
    if database is not None:
        hidden += [database, *(database.with_name(f"{database.name}{end}") for end in _SQLITE_ENDS)]
    directory = config.data_dir.resolve()
    mark = hashlib.sha256(f"{directory}\0{config.node}".encode(errors="surrogateescape")).hexdigest()
    return ProgramSettings(
        allowed_commands=config.stdio.allowed_commands,
        hidden=HiddenFiles(str(path.absolute()) for path in hidden),
        server_id=mark[:_MARK_DIGITS],
        user=config.stdio.user,
        unsandboxed=config.stdio.unsandboxed,
    )


def _files_in(value: Any) -> Iterator[Path]:
    """Yield every file that settings name: paths, and references by `file://`."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _files_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _files_in(part)
    else:
        yield from map(Path, referenced_files(value))


def session_bounds(config: ServerConfig) -> SessionBounds:
    """Return how long sessions last and how many sessions one key may have."""
    return SessionBounds(
        idle=timedelta(seconds=config.session.idle_seconds),
        lifetime=timedelta(seconds=config.session.lifetime_seconds),
        per_key=config.session.per_key,
    )
