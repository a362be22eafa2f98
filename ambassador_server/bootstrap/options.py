"""Converts sections of the configuration to the options of the packages that are configured by them."""

from datetime import timedelta

from ambassador_server.audit_log.options import AuditLogOptions, Fsync
from ambassador_server.audit_sinks import build_sink
from ambassador_server.audit_sinks.shared.options import SinkOptions
from ambassador_server.config import ServerConfig
from ambassador_server.domain.people.sessions import SessionBounds
from ambassador_server.downstream.per_user import UserLimits
from ambassador_server.services.audit.delivery import SinkSettings


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


def session_bounds(config: ServerConfig) -> SessionBounds:
    """Return how long sessions last and how many sessions one key may have."""
    return SessionBounds(
        idle=timedelta(seconds=config.session.idle_seconds),
        lifetime=timedelta(seconds=config.session.lifetime_seconds),
        per_key=config.session.per_key,
    )
