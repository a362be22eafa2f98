"""Shows, creates and rotates the master keys of the vault."""

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Final

import typer

from ambassador_server.bootstrap.server import Ambassador, build
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.key_ring import add_vault_key, vault_keys_in
from ambassador_server.crypto.vault import AesGcmVault
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.downstream.programs.own_memory import hide_own_memory
from ambassador_server.services.credentials.rotation import RotationProgress, VaultRotation
from ambassador_server.services.credentials.vault_state import KeyUse, MasterKey, VaultState
from ambassador_server.storage.sql_store import open_store

_WORDS: Final = {
    KeyUse.SEALS: "encrypts",
    KeyUse.NEEDED: "needed",
    KeyUse.UNUSED: "not needed by this database; backups of it may need it",
    KeyUse.LOST: "LOST: it is missing, or is another key; these values cannot be read",
}


def run_status(settings: ServerConfig, *, as_json: bool) -> None:
    """Print the keys; exit with 1 if one is lost."""
    keys = asyncio.run(master_keys(settings))
    if as_json:
        typer.echo(
            json.dumps([{"key": each.number, "values": each.values, "use": each.use} for each in keys])
        )
    elif not keys:
        typer.echo("There is no master key yet; the first start creates one.", err=True)
    else:
        _print(keys)
    if any(each.use is KeyUse.LOST for each in keys):
        raise typer.Exit(1)


def run_new_key(settings: ServerConfig, *, as_json: bool) -> None:
    """Create a key and print its file."""
    number = asyncio.run(_new_key(settings))
    file = (settings.keys_dir / f"vault-{number}").resolve()
    if as_json:
        typer.echo(json.dumps({"key": number, "file": str(file)}))
        return
    typer.echo(f"Master key:      {file}")
    typer.echo("Back it up, and keep the older keys. Next: ambassador-server vault rotate", err=True)


def run_rotation(settings: ServerConfig, *, batch: int, as_json: bool) -> None:
    """Rotate and show the progress; exit with 1 if values remain that cannot be opened."""
    end = asyncio.run(_rotate(settings, batch))
    left = sum(end.unopened.values())
    if as_json:
        unopened = {str(number): count for number, count in sorted(end.unopened.items())}
        facts = {"key": end.key_number, "sealed_again": end.sealed_again, "unopened": unopened}
        typer.echo(json.dumps(facts))
    else:
        typer.echo(
            f"{end.sealed_again} values were encrypted again; no other needs an older key than ", nl=False
        )
        typer.echo(f"vault-{end.key_number}.")
    if left:
        names = ", ".join(f"vault-{number} ({count})" for number, count in sorted(end.unopened.items()))
        typer.echo(
            f"{left} values cannot be read with their keys: {names}. Restore the key, or let their users give them "
            "again.",
            err=True,
        )
        raise typer.Exit(1)


async def master_keys(settings: ServerConfig) -> Sequence[MasterKey]:
    """Return the keys that are there or needed; creates none. Raises StorageError."""
    store = await open_store(settings.store_url)
    try:
        vault = AesGcmVault(partial(vault_keys_in, settings.keys_dir))
        return await VaultState(store=store, vault=vault).keys()
    finally:
        await store.close()


async def _new_key(settings: ServerConfig) -> int:
    ambassador = await build(settings, writer=settings.init_writer)
    try:
        async with ambassador.base.store.read() as work:
            used = await work.sealed.key_counts()
        number = add_vault_key(settings.keys_dir, above=max(used, default=0))
        await _record(ambassador, AuditAction.VAULT_KEY, Outcome.SUCCEEDED, key=number)
        return number
    finally:
        await ambassador.close()


async def _rotate(settings: ServerConfig, batch: int) -> RotationProgress:
    hide_own_memory()  # every value passes through it
    # A server may be running and writing its log, so this command writes to its own log.
    ambassador = await build(settings, writer=settings.init_writer)
    base = ambassador.base
    rotation = VaultRotation(store=base.store, vault=base.vault, batch=batch)
    steps = rotation.run()
    try:
        progress = await anext(steps)
        await _record(
            ambassador,
            AuditAction.VAULT_ROTATE,
            Outcome.PERMITTED,
            key=progress.key_number,
            values=progress.total,
        )
        async for progress in steps:
            if not progress.is_over:
                done = progress.sealed_again + sum(progress.unopened.values())
                typer.echo(f"{done} of {progress.total} values", err=True)
        await _record(
            ambassador,
            AuditAction.VAULT_ROTATE,
            Outcome.FAILED if progress.unopened else Outcome.SUCCEEDED,
            key=progress.key_number,
            sealed_again=progress.sealed_again,
            unopened=sum(progress.unopened.values()),
        )
        return progress
    finally:
        await ambassador.close()


async def _record(ambassador: Ambassador, action: AuditAction, outcome: Outcome, **details: int) -> None:
    await ambassador.base.recorder.event(
        action,
        outcome,
        resource=Resource(kind="server", id=None, name=ambassador.config.node),
        details=details,
    )


def _print(keys: Sequence[MasterKey]) -> None:
    typer.echo(f"{'KEY':10}{'VALUES':>8}  USE")
    for each in keys:
        typer.echo(f"{f'vault-{each.number}':10}{each.values:>8}  {_WORDS[each.use]}")
