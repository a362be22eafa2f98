"""Writes the public keys beside the log for people who copy the directory; verifiers must not trust these alone."""

import os
from collections.abc import Iterable
from pathlib import Path

from ambassador_protocol.audit.files import key_file_name
from ambassador_protocol.audit.public_keys import PublicKey


def export_keys(audit_directory: Path, keys: Iterable[PublicKey]) -> None:
    """Write each key as PEM unless the file has it already; raises OSError."""
    audit_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for key in keys:
        path, content = audit_directory / key_file_name(key.key_id), key.pem().encode()
        if path.exists() and path.read_bytes() == content:
            continue
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_bytes(content)
        partial.replace(path)
