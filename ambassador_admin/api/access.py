"""Requests to `/v1/admin/access`."""

from collections.abc import Sequence

from ambassador_admin.api.request import Request, get
from ambassador_protocol.paths import ACCESS

_LISTS = {
    "tool": "ambassador-admin mcp tools MCP",
    "resource": "ambassador-admin mcp resources MCP",
    "prompt": "ambassador-admin mcp prompts MCP",
}
"""The command that lists what a request can be about, by its kind."""
_ISSUERS = "ambassador-admin user list, ambassador-admin issuer list"
_PEOPLE = "ambassador-admin user list, ambassador-admin key list --user USER"


def explain(
    user: str,
    kind: str,
    name: str,
    key: str | None,
    arguments: str | None = None,
    *,
    issuer: str | None = None,
    claimed_groups: Sequence[str] = (),
) -> Request:
    """Explain the decision about a user and a tool, a resource or a prompt, with one of the user's keys.

    With `issuer` it is about a token of it, which names these groups. `arguments` are those of a call of the tool, as
    JSON.
    """
    query = {"user": user, kind: name, "key": key, "issuer": issuer, "arguments": arguments}
    hint = f"{_PEOPLE}, {_LISTS[kind]}" if issuer is None else f"{_ISSUERS}, {_LISTS[kind]}"
    request = get(f"{ACCESS}/explain", query=query, missing_hint=hint)
    return request.with_query(claimed_group=list(claimed_groups) or None)


def usable(
    kind: str, user: str, key: str | None, *, issuer: str | None = None, claimed_groups: Sequence[str] = ()
) -> Request:
    """List the tools, resources or prompts that a user may use, with `issuer` by a token that names these groups."""
    query = {"user": user, "key": key, "issuer": issuer}
    request = get(f"{ACCESS}/{kind}s", query=query, missing_hint=_PEOPLE if issuer is None else _ISSUERS)
    return request.with_query(claimed_group=list(claimed_groups) or None)


def who_can(kind: str, name: str, *, expired: bool = False) -> Request:
    """List the users who may use a tool, a resource or a prompt, or one that matches a pattern.

    With `expired`, also those whose grant for it has expired.
    """
    query = {kind: name, "expired": "true" if expired else None}
    return get(f"{ACCESS}/who-can", query=query, missing_hint=_LISTS[kind])


def claims(kind: str, name: str) -> Request:
    """List the groups of issuers with which a token may use one of these."""
    return get(f"{ACCESS}/claims", query={kind: name}, missing_hint=_LISTS[kind])
