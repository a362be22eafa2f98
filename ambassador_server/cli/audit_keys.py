"""Creates signing keys of the audit log and finds the file of the public key."""

import json
from pathlib import Path

import typer

from ambassador_protocol.audit.files import key_file_name
from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_server.audit_log.key_files import export_keys
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.crypto.key_ring import add_audit_key, audit_keys_in
from ambassador_server.errors import ConfigurationError


def key_file(settings: ServerConfig) -> Path:
    """Return the file with the public key for the newest checkpoints."""
    signer = AuditSigner(audit_keys_in(settings.keys_dir))
    return (settings.audit_dir / key_file_name(signer.key_id)).resolve()


def run_rotation(settings: ServerConfig, *, as_json: bool) -> None:
    """Create the next key and print the file of its public key."""
    if not audit_keys_in(settings.keys_dir):
        raise ConfigurationError(
            f"There is no signing key in {settings.keys_dir}.", hint="Run `ambassador-server init` first."
        )
    number = add_audit_key(settings.keys_dir)
    signer = AuditSigner(audit_keys_in(settings.keys_dir))
    try:
        export_keys(settings.audit_dir, [PublicKey.from_base64(text) for text in signer.public_keys.values()])
    except OSError as error:
        raise ConfigurationError(f"The public key cannot be written: {error.strerror}.") from error
    if as_json:
        facts = {"number": number, "key_id": signer.key_id, "audit_key_file": str(key_file(settings))}
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"Audit key:       {key_file(settings)}")
    typer.echo(
        "At its next start the server signs the new key with the old one; keep the old key file until then.",
        err=True,
    )
