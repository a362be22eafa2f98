"""Runs the server process: start, serve until SIGTERM or Ctrl-C, drain, stop."""

import asyncio
import json
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from aiohttp import web

from ambassador_protocol import __version__
from ambassador_server.bootstrap.jobs import clock_driven_jobs
from ambassador_server.bootstrap.memory import keep_start_in_memory
from ambassador_server.bootstrap.open_files import connection_bounds, raise_descriptor_limit
from ambassador_server.bootstrap.options import program_settings
from ambassador_server.bootstrap.periodic import run_periodically
from ambassador_server.bootstrap.server import Ambassador, build
from ambassador_server.bootstrap.telemetry import open_telemetry
from ambassador_server.cli.server_log import configure_logging
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.certificates import Certificates, ensure_certificates
from ambassador_server.crypto.listener_tls import ListenerTls
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.domain.people.issuers import gateway_url
from ambassador_server.downstream.programs.leftovers import end_leftovers
from ambassador_server.downstream.programs.own_memory import hide_own_memory
from ambassador_server.downstream.programs.profile import remove_temporary_directory
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.sandboxes import offers
from ambassador_server.errors import StorageError
from ambassador_server.services.administration.admin_guard import has_an_admin
from ambassador_server.services.audit.sink_positions import report
from ambassador_server.storage.migrate import SchemaStatus, check, upgrade
from ambassador_server.web.listener_bounds import Api
from ambassador_server.web.listeners import Listener, listen

_log = structlog.get_logger("server")
_SERVER = Resource(kind="server", id=None, name=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A server whose ports are open; `certificates` are those of its own CA, None without TLS and with given ones."""

    ambassador: Ambassador
    certificates: Certificates | None
    ports: Mapping[str, int]

    @property
    def scheme(self) -> str:
        """Return the scheme of both APIs."""
        return "https" if self.ambassador.config.tls == "on" else "http"


WhenServing = Callable[[Serving], Coroutine[None, None, None]]


def run_server(
    settings: ServerConfig, ready_file: Path | None, *, when_serving: WhenServing | None = None
) -> None:
    """Serve until SIGTERM or Ctrl-C. `when_serving` runs once the ports are open; an error in it ends the server."""
    configure_logging(settings)
    hide_own_memory()
    raise_descriptor_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, ready_file, when_serving))


async def _serve(settings: ServerConfig, ready_file: Path | None, when_serving: WhenServing | None) -> None:
    if settings.store_url.startswith("sqlite"):
        await _migrate_sqlite(settings)
    certificates, tls = _tls(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ambassador = await build(settings, writer=settings.node, telemetry=open_telemetry(settings))
    async with AsyncExitStack() as stack:
        programs = program_settings(settings)
        stack.callback(remove_temporary_directory, programs)
        stack.push_async_callback(ambassador.close)
        await _close_unfinished(ambassador)
        await _record(ambassador, AuditAction.SERVER_START)
        await _report_losses(ambassador)
        stack.push_async_callback(_record, ambassador, AuditAction.SERVER_STOP)
        await _prepare_programs(programs)
        await ambassador.services.watch.start()
        ambassador.services.first_lists.start()
        ambassador.services.deliveries.start()
        ambassador.services.indexer.start()
        await stack.enter_async_context(run_periodically(clock_driven_jobs(ambassador, tls)))
        ports = await _listen(stack, ambassador, certificates, tls)
        await _warn_without_admin(ambassador)
        _warn_without_issuer(ambassador)
        keep_start_in_memory()
        serving = Serving(ambassador=ambassador, certificates=certificates, ports=ports)
        _announce(serving, ready_file)
        if when_serving is not None:
            await _unless_stopped(stop, when_serving(serving))
        await stop.wait()
        ambassador.services.health.start_draining()
        await _stay_open(settings.lame_duck_seconds, stop)
        _log.info("draining", at_most_seconds=settings.drain_seconds)
    _log.info("stopped")


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Finish the work, or cancel it when the server is told to stop."""
    tasks = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        was_done = tasks[0].done()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if was_done:
        tasks[0].result()


async def _stay_open(seconds: float, stop: asyncio.Event) -> None:
    """Serve on while `/ready` says no, so that load balancers stop sending; a second signal ends this."""
    if seconds:
        _log.info("not ready any more, still serving", seconds=seconds)
        stop.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()


async def _prepare_programs(programs: ProgramSettings) -> None:
    """End what a killed server has left, and say in which sandbox programs run and which may be started."""
    if programs.server_id is not None:
        left = await end_leftovers(programs.server_id)
        if left:
            _log.warning("ended processes that an earlier server had left", count=left)
    found = await asyncio.to_thread(offers, programs)
    default = next((offer for offer in found if offer.is_default), None)
    allowed = programs.allowed_commands
    log = _log.warning if default is None or default.kind == "none" else _log.info
    log(
        "programs of MCPs over stdio",
        sandbox=None if default is None else default.kind,
        detail="no program starts without a sandbox" if default is None else default.detail,
        allowed_commands="any" if allowed is None else list(allowed),
    )


async def _migrate_sqlite(settings: ServerConfig) -> None:
    """Migrate the SQLite file, which `init` has created: an empty one in its place would have no kill switches."""
    state = await check(settings.store_url)
    if state.status is SchemaStatus.MISSING:
        initialise = f"ambassador-server init --data-dir {shlex.quote(str(settings.data_dir))}"
        if settings.keys_dir.exists():
            raise StorageError(
                f"{settings.data_dir} has been in use, but its database is missing.",
                hint=f"Restore it from a backup. To start without users and grants: {initialise}",
            )
        raise StorageError(f"{settings.data_dir} is not initialised.", hint=f"Run: {initialise}")
    await upgrade(settings.store_url)


async def _warn_without_admin(ambassador: Ambassador) -> None:
    async with ambassador.base.store.read() as work:
        if not await has_an_admin(work, datetime.now(UTC)):
            options = " --new-admin-key --admin-key-name NAME" if await work.admin_keys.all() else ""
            _log.warning("no administrator can sign in", next=f"ambassador-server init{options}")


def _warn_without_issuer(ambassador: Ambassador) -> None:
    section, issuers = ambassador.config.gateway, ambassador.base.policy.snapshot.issuers
    if section.is_configured and (issuers is None or gateway_url(section.name) not in issuers.by_url):
        _log.warning(
            "no issuer says what the headers of the gateway mean",
            next=f"ambassador-admin issuer add NAME --gateway {section.name}",
        )


async def _record(ambassador: Ambassador, action: AuditAction) -> None:
    await ambassador.base.recorder.event(
        action, Outcome.SUCCEEDED, resource=_SERVER, details={"version": __version__}
    )


async def _close_unfinished(ambassador: Ambassador) -> None:
    closed = await ambassador.services.unfinished.close()
    if closed:
        _log.warning("a killed server left attempts without an outcome, which were closed", count=closed)


async def _report_losses(ambassador: Ambassador) -> None:
    anchors = ambassador.services.anchors
    for loss in anchors.losses:
        next_step = f"ambassador-server audit accept-loss {loss.anchor.writer}"
        _log.error("records of the audit log are lost", loss=loss.sentence, next=next_step)
    await anchors.report()
    log, limit = ambassador.base.log, ambassador.config.audit.checkpoint_records
    await ambassador.services.anomalies.report_adopted(log.writer, adopted=log.adopted, limit=limit)
    differences = await ambassador.services.deliveries.anomalies()
    for difference in differences:
        _log.error("an audit sink's position is not the stored one", difference=difference.sentence)
    await report(ambassador.base.recorder, differences)


def _tls(settings: ServerConfig) -> tuple[Certificates | None, Mapping[str, ListenerTls]]:
    """Return the server's own certificates, if it uses them, and the TLS of each API; none without TLS."""
    if settings.tls == "off":
        return None, {}
    certificates, file, key_file = None, settings.certificate_file, settings.certificate_key_file
    if file is None or key_file is None:
        certificates = ensure_certificates(settings.certificates_dir, sorted(settings.certificate_names()))
        file, key_file = certificates.certificate_file, certificates.key_file
    sections = {"client": settings.client_certificates, "admin": settings.admin_client_certificates}
    tls = {
        name: ListenerTls(
            (file, key_file),
            listener=name,
            ca_file=section.ca_file,
            crl_file=section.crl_file,
            required=section.mode == "required",
        )
        for name, section in sections.items()
    }
    gateway = settings.gateway
    if gateway.host is not None:
        tls["gateway"] = ListenerTls(
            (file, key_file),
            listener="gateway",
            ca_file=gateway.client_ca_file,
            crl_file=gateway.crl_file,
            required=True,
        )
    return certificates, tls


async def _listen(
    stack: AsyncExitStack,
    ambassador: Ambassador,
    certificates: Certificates | None,
    tls: Mapping[str, ListenerTls],
) -> dict[str, int]:
    settings, ca_pem = ambassador.config, None if certificates is None else certificates.ca_pem
    bounds = connection_bounds(settings.limits, gateway=settings.gateway.host is not None)
    _log.info(
        "connections",
        client_api=bounds.client.total,
        admin_api=bounds.admin.total,
        per_address=bounds.client.per_address,
        descriptors=bounds.descriptors,
    )
    listeners: dict[str, Listener] = {}

    async def close_all() -> None:
        cut = asyncio.get_running_loop().call_later(
            settings.drain_seconds, ambassador.services.calls.in_flight.cut
        )
        try:
            await asyncio.gather(*(each.close() for each in listeners.values()))
        finally:
            cut.cancel()

    async def open_one(api: Api, app: web.Application, host: str, port: int) -> Listener:
        return await listen(
            app,
            host=host,
            port=port,
            tls=tls.get(api),
            drain_seconds=settings.drain_seconds,
            bounds=bounds.of(api),
            counts=ambassador.connections[api],
            refused=ambassador.base.refused_connections,
        )

    stack.push_async_callback(close_all)
    client, admin = ambassador.client_app(ca_pem), ambassador.admin_app(ca_pem)
    listeners["port"] = await open_one("client", client, settings.host, settings.port)
    listeners["admin_port"] = await open_one("admin", admin, settings.admin_host, settings.admin_port)
    gateway = settings.gateway
    if gateway.host is not None:
        app = ambassador.gateway_app(ca_pem)
        listeners["gateway_port"] = await open_one("gateway", app, gateway.host, gateway.port)
    return {name: each.port for name, each in listeners.items()}


def _announce(serving: Serving, ready_file: Path | None) -> None:
    settings, ports, certificates = serving.ambassador.config, serving.ports, serving.certificates
    _log.info(
        "serving",
        version=__version__,
        client_api=f"{serving.scheme}://{settings.host}:{ports['port']}",
        admin_api=f"{serving.scheme}://{settings.admin_host}:{ports['admin_port']}",
        **_gateway_address(serving),
        ca_fingerprint=None if certificates is None else certificates.ca_fingerprint,
    )
    if ready_file is not None:
        partial = ready_file.with_name(ready_file.name + ".partial")
        partial.write_text(json.dumps(dict(ports)), encoding="utf-8")
        partial.replace(ready_file)


def _gateway_address(serving: Serving) -> dict[str, str]:
    port, section = serving.ports.get("gateway_port"), serving.ambassador.config.gateway
    return {} if port is None else {"gateway": f"https://{section.host}:{port}"}


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop
