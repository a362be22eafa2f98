"""Reads issuers of declarative files; what a file does not say of one has the value of its preset."""

from collections.abc import Callable
from typing import Any

from ambassador_admin.declarative import readers
from ambassador_admin.declarative.readers import FaultError, Reader
from ambassador_admin.declarative.yaml_tree import Mapping, Node, duplicates
from ambassador_protocol.admin.issuer_presets import PRESETS, filled_in

_TEXTS = readers.list_of(readers.text, most=50)


def _group_map(node: Node) -> dict[str, str]:
    return _mapping(node, readers.name, "claimed groups to groups")


def _assertion_clients(node: Node) -> dict[str, str]:
    return _mapping(node, readers.text, "ids of clients to references of their secrets")


def _mapping(node: Node, read: Callable[[Node], str], of: str) -> dict[str, str]:
    if not isinstance(node, Mapping):
        raise FaultError(node.position, f"must be a mapping from {of}")
    for key in duplicates(node):
        raise FaultError(key.position, f"{readers.shown(key)} is given twice")
    return {key.text: read(value) for key, value in node.entries}


ISSUER_FIELDS: dict[str, Reader] = {
    "preset": readers.choice(*PRESETS),
    "url": readers.text,
    "audiences": _TEXTS,
    "algorithms": _TEXTS,
    "key_source": readers.choice("discovery", "jwks", "secret", "introspection", "gateway", "certificates"),
    "key_place": readers.text,
    "client_id": readers.text,
    "client_secret": readers.text,
    "token_prefix": readers.text,
    "private_addresses": readers.boolean,
    "subject_claim": readers.text,
    "user_claims": _TEXTS,
    "email_claim": readers.text,
    "group_claims": _TEXTS,
    "group_prefix": readers.text,
    "group_map": _group_map,
    "scopes": _TEXTS,
    "creates_users": readers.boolean,
    "beside_key": readers.boolean,
    "assertion_clients": _assertion_clients,
    "login_client_id": readers.text,
    "login_scopes": _TEXTS,
    "host_client_id": readers.text,
    "host_client_secret": readers.text,
    "host_redirects": _TEXTS,
    "host_scopes": _TEXTS,
    "host_omits_resource": readers.boolean,
}


def fill_in(attributes: dict[str, Any]) -> None:
    """Give an issuer that was read the values that its file leaves out; the preset itself is not kept."""
    preset = attributes.pop("preset", "generic")
    name = attributes["name"]
    attributes.update(filled_in(name, preset, dict(attributes)))
