"""The options that audit sinks share, and the types of their values."""

import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from ambassador_protocol.references import SecretReferenceError
from ambassador_protocol.server_urls import is_loopback
from ambassador_protocol.tls import client_context
from ambassador_server.audit_sinks.shared.record_json import encode_record
from ambassador_server.domain.audit.events import AuditEvent, AuditRecord
from ambassador_server.domain.audit.query import Query, Since, Until, comparisons, matches
from ambassador_server.domain.audit.query_parser import parse_query
from ambassador_server.domain.audit.subjects import subjects_in
from ambassador_server.errors import ConfigurationError, InvalidQueryError
from ambassador_server.secret_stores import check_reference, resolve_reference

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
_OWN_HEADERS = frozenset({"content-type", "content-encoding", "content-length", "host", "transfer-encoding"})


def _check_reference(value: str) -> str:
    try:
        if check_reference(value) is not None:
            return value
    except SecretReferenceError:
        pass
    raise ValueError("must say where the secret is, env://NAME or file:///PATH, never the secret itself")


def _check_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        has_host = parts.hostname is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError("is not a URL") from None
    if not has_host or parts.fragment or parts.scheme not in ("http", "https"):
        raise ValueError("must be an https:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or password; use the options made for secrets")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https:// unless the receiver is on a loopback address")
    return value


def _check_query(text: str) -> str:
    try:
        query = parse_query(text, datetime.now(UTC))
    except InvalidQueryError as error:
        raise ValueError(error.message.removeprefix("where: ")) from None
    if any(isinstance(term, Since | Until) for term in comparisons(query)):
        raise ValueError("a sink gets records when they are written, so a query cannot name times")
    if subjects_in(query):
        raise ValueError("a sink does not know the groups of users, so a query cannot name a subject")
    return text


def _check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name in headers:
        if _HEADER_NAME.fullmatch(name) is None or name.lower() in _OWN_HEADERS:
            raise ValueError("a name is not that of a header that can be set")
    return headers


Reference = Annotated[str, AfterValidator(_check_reference)]
"""A reference to a secret."""

Headers = Annotated[dict[str, Reference], AfterValidator(_check_headers), Field(max_length=20)]
"""Headers of requests, with references to their values."""

Url = Annotated[str, AfterValidator(_check_url), PlainSerializer(lambda value: value.partition("?")[0])]


class SinkOptions(BaseModel):
    """The options of every sink."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Annotated[str, Field(description="Kind of the sink.")]
    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
            description="Name in `server health` and in the files that keep its position; by default its type.",
        ),
    ] = ""
    batch_records: Annotated[
        int, Field(ge=1, le=10_000, description="Maximum number of records in a batch.")
    ] = 250
    batch_bytes: Annotated[
        int,
        Field(
            ge=1024,
            le=16 * 1024 * 1024,
            description="A batch ends with the record that brings its size in the log to this.",
        ),
    ] = 1024 * 1024
    record_bytes: Annotated[
        int,
        Field(
            ge=2048,
            le=64 * 1024 * 1024,
            description="Maximum size of one record; a larger one is sent without its details.",
        ),
    ] = 256 * 1024
    linger_seconds: Annotated[
        float,
        Field(
            ge=0.01, le=60, description="How long to wait for more records before a batch that is not full."
        ),
    ] = 1.0
    timeout_seconds: Annotated[
        float, Field(ge=0.1, le=600, description="How long the receiver has to take a batch.")
    ] = 30.0
    format: Annotated[
        Literal["ambassador", "original", "secure_gateway"],
        Field(description="Members of a record: its own, or those of another gateway."),
    ] = "ambassador"
    where: Annotated[
        str,
        AfterValidator(_check_query),
        Field(
            description="Records the sink gets, in the query language of `ambassador-admin audit`; by default all."
        ),
    ] = ""

    def wants(self, event: AuditEvent) -> bool:
        """Tell whether the sink gets this event."""
        return matches(self._query, event)

    def encode(self, record: AuditRecord, max_bytes: int | None = None) -> bytes:
        """Return the record in the format, as one line of JSON of at most `record_bytes`."""
        return encode_record(record, max_bytes or self.record_bytes, self.format)

    @cached_property
    def _query(self) -> Query:
        return parse_query(self.where, datetime.now(UTC))

    @model_validator(mode="before")
    @classmethod
    def _name_by_type(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("type"), str):
            return {"name": data["type"], **data}
        return data


class TlsOptions(SinkOptions):
    """The options of a sink that can use TLS."""

    ca_file: Annotated[
        Path | None,
        Field(description="Certificates of the authorities to trust, instead of those of the system."),
    ] = None
    certificate_file: Annotated[
        Path | None, Field(description="Certificate by which the receiver knows this server.")
    ] = None
    certificate_key_file: Annotated[Path | None, Field(description="The key of that certificate.")] = None

    @model_validator(mode="after")
    def _check_certificate(self) -> Self:
        if (self.certificate_file is None) != (self.certificate_key_file is None):
            raise ValueError("certificate_file and certificate_key_file go together")
        return self

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context for connections; raises ConfigurationError for a file that cannot be used."""
        return receiver_context(
            f"Audit sink {self.name}", self.ca_file, self.certificate_file, self.certificate_key_file
        )


def receiver_context(
    who: str, ca_file: Path | None, certificate_file: Path | None, key_file: Path | None
) -> ssl.SSLContext:
    """Return the context for connections to a receiver; raises ConfigurationError for a file that cannot be used."""
    place = ca_file
    try:
        context = client_context(cafile=place)
        if certificate_file is not None:
            place = certificate_file
            context.load_cert_chain(certificate_file, key_file, password=_refuse_encrypted_key)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{who}: {place} cannot be used: {getattr(error, 'strerror', None) or error}."
        ) from error
    return context


def resolve(reference: str, sink: str) -> str:
    """Return the secret of a sink; raises ConfigurationError that does not quote it."""
    return resolve_for(f"Audit sink {sink}", reference)


def resolve_for(who: str, reference: str) -> str:
    """Return the secret that a reference names; raises ConfigurationError that does not quote it."""
    try:
        found = resolve_reference(reference)
    except SecretReferenceError as error:
        raise ConfigurationError(f"{who}: {error}.") from None
    if not found.isprintable() or not found.isascii():
        raise ConfigurationError(f"{who}: {reference} does not hold one line of ASCII text.")
    return found


def _refuse_encrypted_key() -> str:
    raise ValueError("the key is encrypted")
