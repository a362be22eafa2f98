"""Prepares a server: data directory, keys, certificates, database and the first admin key."""

import asyncio
import json

import typer

from ambassador_server.bootstrap.server import build
from ambassador_server.cli.audit_keys import key_file
from ambassador_server.cli.options import make_data_dir
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.certificates import Certificates, ensure_certificates
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Role
from ambassador_server.errors import ConflictError
from ambassador_server.storage.migrate import upgrade

FIRST_ROLES = (Role.ADMIN, Role.AUDITOR)


def initialise(settings: ServerConfig, key_name: str, *, another: bool, as_json: bool) -> None:
    """Prepare the data directory; print what an administrator needs to know, and the admin key."""
    certificates, admin_key = asyncio.run(prepare(settings, key_name, another=another))
    _print(settings, certificates, admin_key, as_json=as_json)


async def prepare(settings: ServerConfig, key_name: str, *, another: bool) -> tuple[Certificates | None, str]:
    """Prepare the data directory; return its certificates and a new admin key. Raises ConflictError if it has one."""
    make_data_dir(settings)
    await upgrade(settings.store_url)
    certificates = None
    if settings.certificate_file is None:
        certificates = ensure_certificates(settings.certificates_dir, sorted(settings.certificate_names()))
    # A server may be running on this directory and writing its log, so this command writes to its own log.
    ambassador = await build(settings, writer=settings.init_writer)
    try:
        async with ambassador.base.store.read() as work:
            existing = await work.admin_keys.all()
        if existing and not another:
            raise ConflictError(
                f"{settings.data_dir} is already initialised; its admin key was printed at that time.",
                hint="Start it with `ambassador-server serve`, or add --new-admin-key --admin-key-name NAME.",
            )
        _, secret = await ambassador.services.administration.admin_keys.issue(
            Requester(None, None), name=key_name, roles=FIRST_ROLES, lifetime=None
        )
        return certificates, secret
    finally:
        await ambassador.close()


def _print(
    settings: ServerConfig, certificates: Certificates | None, admin_key: str, *, as_json: bool
) -> None:
    facts = {
        "data_dir": str(settings.data_dir.resolve()),
        "ca_file": None if certificates is None else str(certificates.ca_file.resolve()),
        "ca_fingerprint": None if certificates is None else certificates.ca_fingerprint,
        "audit_key_file": str(key_file(settings)),
        "admin_key": admin_key,
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"Data directory:  {facts['data_dir']}")
    if certificates is not None:
        typer.echo(f"CA certificate:  {facts['ca_file']}")
        typer.echo(f"CA fingerprint:  {facts['ca_fingerprint']}")
    typer.echo(f"Audit key:       {facts['audit_key_file']}")
    typer.echo(f"Admin key:       {admin_key}")
    typer.echo("The admin key is not shown again. Next: ambassador-server serve", err=True)
