"""Parses and resolves references to secrets: `env://NAME` and `file:///PATH`."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Final, NamedTuple

from ambassador_protocol.text_files import decode_text

MAX_SECRET_BYTES: Final = 64 * 1024

ENV: Final = "env"
FILE: Final = "file"
SCHEMES: Final = (ENV, FILE)
"""The schemes that every program resolves."""

# Schemes of addresses in configurations. Every other scheme is treated as that of a secret store.
_ADDRESS_SCHEMES: Final = frozenset(
    {"http", "https", "ws", "wss", "grpc", "grpcs", "tcp", "udp", "tls", "ssl", "unix", "npipe", "docker"}
    | {"ssh", "sftp", "ftp", "ftps", "git", "svn", "rsync", "socks", "socks4", "socks5", "socks5h"}
    | {
        "postgres",
        "postgresql",
        "cockroachdb",
        "redshift",
        "mysql",
        "mariadb",
        "mssql",
        "sqlserver",
        "oracle",
    }
    | {
        "db2",
        "sqlite",
        "sqlite3",
        "duckdb",
        "clickhouse",
        "snowflake",
        "databricks",
        "bigquery",
        "trino",
        "presto",
    }
    | {
        "athena",
        "mongodb",
        "redis",
        "rediss",
        "valkey",
        "memcached",
        "cassandra",
        "couchbase",
        "couchdb",
        "neo4j",
    }
    | {
        "bolt",
        "influxdb",
        "elasticsearch",
        "opensearch",
        "milvus",
        "qdrant",
        "amqp",
        "amqps",
        "kafka",
        "nats",
    }
    | {"mqtt", "mqtts", "stomp", "pulsar", "ldap", "ldaps", "smtp", "smtps", "imap", "imaps", "pop3", "pop3s"}
    | {"s3", "gs", "az", "abfs", "abfss", "wasb", "wasbs", "hdfs"}
)


class SecretReferenceError(ValueError):
    """A reference is invalid or cannot be resolved; the message never has a secret."""


class Reference(NamedTuple):
    """A reference to a secret; the form of `place` depends on the scheme."""

    scheme: str
    place: str

    def __str__(self) -> str:
        """Return the reference as text."""
        return f"{self.scheme}://{self.place}"


def parse_reference(value: str) -> Reference | None:
    """Return the parsed reference, also with an unknown scheme; None for a value that is no reference.

    Addresses of services are no references. A misspelt scheme must be detected, or the text would be used as the
    secret.
    """
    scheme, mark, place = value.partition("://")
    word = scheme.strip().lower().partition("+")[0]
    if not mark or not _is_word(word) or word in _ADDRESS_SCHEMES:
        return None
    return Reference(scheme, place)


def resolve_reference(value: str, environ: Mapping[str, str]) -> str:
    """Return the referenced secret, or the value if it is no reference; raises SecretReferenceError."""
    reference = parse_reference(value)
    if reference is None:
        return value
    if reference.scheme == ENV:
        return read_variable(reference.place, environ)
    if reference.scheme == FILE:
        return read_secret_file(path_of(reference.place), may_wait=True)
    raise unknown_scheme(reference, SCHEMES)


def unknown_scheme(reference: Reference, known: tuple[str, ...]) -> SecretReferenceError:
    """Return the error for an unknown scheme."""
    # The place is not shown: if the text is no reference after all, it may be a secret.
    return SecretReferenceError(
        f"'{reference.scheme}://' is not a known scheme of secrets: "
        f"write {' or '.join(f'{scheme}://' for scheme in known)}"
    )


def check_variable(name: str) -> None:
    """Raise SecretReferenceError unless the name can be that of an environment variable."""
    if not (name.isascii() and name.isidentifier()):
        raise SecretReferenceError(f"'{ENV}://{name}' does not name an environment variable")


def read_variable(name: str, environ: Mapping[str, str]) -> str:
    """Return the secret in an environment variable; raises SecretReferenceError if it is empty or missing."""
    check_variable(name)
    found = environ.get(name)
    if not found:
        raise SecretReferenceError(f"{ENV}://{name} is not set in the environment")
    return found


def path_of(place: str, platform: str = sys.platform) -> Path:
    """Return the path in a user's reference; on Windows `file:///C:/key` is the file C:/key."""
    if platform == "win32" and place[:1] == "/" and place[2:3] == ":":
        place = place[1:]
    # An unknown home directory is left unexpanded.
    return Path(os.path.expanduser(place))


def read_secret_file(path: Path, *, may_wait: bool = False) -> str:
    """Return the text of a file without trailing line ends; raises SecretReferenceError.

    With `may_wait` the file can be a pipe, which is read to its end.
    """
    if "\0" in str(path):
        raise SecretReferenceError(f"{FILE}://{str(path)!r} is not a path")
    try:
        content = _read(path, may_wait)
        text = decode_text(content).rstrip("\r\n")
    except OSError as error:
        raise SecretReferenceError(f"{FILE}://{path} cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise SecretReferenceError(f"{FILE}://{path} is not UTF-8 text") from None
    if not text or len(content) > MAX_SECRET_BYTES:
        raise SecretReferenceError(f"{FILE}://{path} is empty or larger than {MAX_SECRET_BYTES} bytes")
    return text


def _read(path: Path, may_wait: bool) -> bytes:
    # Must not block if the file was replaced by a pipe.
    flags = 0 if may_wait else getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | flags)
    try:
        if not may_wait and not S_ISREG(os.fstat(descriptor).st_mode):
            raise SecretReferenceError(f"{FILE}://{path} is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_SECRET_BYTES + 1)
    finally:
        os.close(descriptor)


def _is_word(text: str) -> bool:
    return (
        text.isascii()
        and text[:1].isalpha()
        and text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    )
