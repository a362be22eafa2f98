"""Reads the credentials that a file declares for an MCP."""

import re
from typing import Any, Final

from ambassador_admin.declarative import readers
from ambassador_admin.declarative.readers import Reader
from ambassador_admin.declarative.yaml_tree import Node
from ambassador_protocol.admin.credential_needs import without_defaults

_FIELD: Final[dict[str, Reader]] = {
    "name": readers.matching(
        re.compile(r"[a-z][a-z0-9_-]{0,63}"),
        "a field name: lower-case letters, digits, '_' and '-', starting with a letter, at most 64",
    ),
    "place": readers.choice("environment", "header", "query", "argument"),
    "target": readers.text,
    "template": readers.text,
    "title": readers.text,
    "help": readers.text,
    "secret": readers.boolean,
    "required": readers.boolean,
    "reference": readers.text,
    "listing_reference": readers.text,
}
_OAUTH: Final[dict[str, Reader]] = {
    "grant": readers.choice("user", "service_account", "identity_assertion"),
    "client_id": readers.text,
    "client_secret": readers.text,
    "scopes": readers.list_of(readers.text),
    "resource": readers.text,
    "issuer": readers.text,
    "authorization_endpoint": readers.text,
    "token_endpoint": readers.text,
    "device_endpoint": readers.text,
    "revocation_endpoint": readers.text,
    "private_addresses": readers.boolean,
    "provider": readers.text,
    "provider_client_id": readers.text,
    "provider_client_secret": readers.text,
    "subject_type": readers.choice("access_token", "id_token", "jwt"),
}
_read = readers.record(
    {
        "fields": readers.list_of(readers.record(_FIELD, required=("name", "place"))),
        "oauth": readers.record(_OAUTH),
    }
)


def credentials(node: Node) -> dict[str, Any]:
    """Read what credentials an MCP needs, in the short form that the server shows."""
    return without_defaults(_read(node))
