"""Rebuilds the index of the audit log."""

import asyncio

import typer

from ambassador_server.audit_log.read_only_log import ReadOnlyLog
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.config import ServerConfig
from ambassador_server.errors import ConfigurationError
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.log_indexing import InServerIndexer
from ambassador_server.storage.sql_store import open_store


def run_reindex(settings: ServerConfig, *, resume: bool) -> None:
    """Empty the index unless `resume` is set, and fill it from the log of this machine."""
    asyncio.run(_reindex(settings, resume=resume))


async def _reindex(settings: ServerConfig, *, resume: bool) -> None:
    lock = _lock_log(settings)
    store = await open_store(settings.store_url)
    try:
        logs = [ReadOnlyLog(settings.audit_dir, writer) for writer in (settings.node, settings.init_writer)]
        indexer = InServerIndexer(store=store, logs=logs, clock=SystemClock())
        search = AuditSearch(store=store, indexer=indexer)
        if not resume:
            await search.empty()
        if lock is None:
            # Only durable records may be indexed, and only the running writer knows which records are durable.
            typer.echo("The running server fills the index again.", err=True)
            return
        await search.catch_up()
        typer.echo("The index is complete.", err=True)
    finally:
        await store.close()
        if lock is not None:
            lock.close()


def _lock_log(settings: ServerConfig) -> WriterDirectory | None:
    """Lock the log, so that no server can start; return None if a server is running."""
    if not settings.audit_dir.is_dir():
        raise ConfigurationError(
            f"There is no audit log in {settings.data_dir}.", hint="Give the data directory with --data-dir."
        )
    try:
        return WriterDirectory.lock(settings.audit_dir, settings.node)
    except ConfigurationError:
        return None
    except OSError as error:
        raise ConfigurationError(f"The audit log cannot be used: {error.strerror}.") from error
