"""Builds traces and metrics if they are configured; otherwise nothing of OpenTelemetry is imported."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ambassador_server.audit_sinks.shared.options import receiver_context, resolve_for
from ambassador_server.config import ServerConfig
from ambassador_server.errors import ConfigurationError
from ambassador_server.ports.tracing import Tracer
from ambassador_server.services.monitoring.families import Family
from ambassador_server.setting_sections import TelemetrySection

if TYPE_CHECKING:
    from ambassador_server.telemetry.collector import Collector

Families = Callable[[], Awaitable[Sequence[Family]]]

_WHO = "telemetry"


class Telemetry(Protocol):
    """What the server uses of `ambassador_server.telemetry`."""

    @property
    def tracer(self) -> Tracer | None:
        """Return what begins spans; None if no traces are wanted."""
        ...

    @property
    def has_metrics(self) -> bool:
        """Tell whether metrics are exported."""
        ...

    async def export_metrics(self, families: Families) -> None:
        """Send the metrics of now."""
        ...

    async def close(self, families: Families | None = None) -> None:
        """Send what waits, for at most a few seconds."""
        ...


def open_telemetry(config: ServerConfig) -> Telemetry | None:
    """Return the telemetry that is configured; raises ConfigurationError if it cannot be opened."""
    section = config.telemetry
    if section.endpoint is None:
        return None
    with _installed():
        from ambassador_server.telemetry.telemetry import Telemetry as Opened  # noqa: PLC0415 - it needs an extra
    return Opened(
        _collector(section.endpoint, section),
        service=section.service_name,
        node=config.node,
        sample_ratio=section.sample_ratio,
        propagates=section.propagate,
        traces=section.traces,
        metrics=section.metrics,
    )


def check_telemetry(config: ServerConfig) -> None:
    """Raise ConfigurationError if what is configured cannot be opened; starts nothing and connects to nothing."""
    section = config.telemetry
    if section.endpoint is not None:
        _collector(section.endpoint, section)


def _collector(endpoint: str, section: TelemetrySection) -> "Collector":
    with _installed():
        from ambassador_server.telemetry.collector import Collector  # noqa: PLC0415 - the same
    return Collector(
        url=endpoint,
        headers={name: resolve_for(_WHO, value) for name, value in section.headers.items()},
        tls=receiver_context(_WHO, section.ca_file, section.certificate_file, section.certificate_key_file),
        timeout=section.timeout_seconds,
    )


@contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"telemetry.endpoint is set, but {error.name} is not installed; add the extra otel, as in: "
            "pipx install --force 'PATH[server,otel]'"
        ) from None
