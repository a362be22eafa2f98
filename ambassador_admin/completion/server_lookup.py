"""Fetches names from the server with the settings of any command, but without keys from the keyring."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from ambassador_admin.api import (
    admin_keys,
    approvals,
    client_keys,
    enrolments,
    grants,
    groups,
    issuers,
    limits,
    mcps,
    sessions,
    switches,
    users,
)
from ambassador_admin.api.request import Request
from ambassador_admin.completion.cache import NameList, NameQuery
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Environment, Invocation
from ambassador_admin.context.settings import GlobalOptions

_MOST = 200


@dataclass(frozen=True, slots=True)
class _Source:
    """A list of the API: `name` is the member to complete, `description` the members that describe an item."""

    request: Request
    name: str
    description: tuple[str, ...]


_SOURCES = {
    NameKind.USER: _Source(users.list_all(), "name", ("display_name",)),
    NameKind.GROUP: _Source(groups.list_all(), "name", ("description",)),
    NameKind.MCP: _Source(mcps.list_all(), "name", ("display_name",)),
    NameKind.KEY: _Source(client_keys.list_all(user=None), "id", ("user", "name")),
    NameKind.ENROLMENT: _Source(enrolments.list_all(user=None), "id", ("user", "name")),
    NameKind.ADMIN_KEY: _Source(admin_keys.list_all(), "name", ("user",)),
    NameKind.SWITCH: _Source(switches.list_all(lifted=False), "id", ("scope", "target", "reason")),
    NameKind.SESSION: _Source(sessions.list_all(user=None), "id", ("user", "host_tool")),
    NameKind.GRANT: _Source(grants.list_all(), "id", ("group", "mcp")),
    NameKind.APPROVAL: _Source(approvals.pending(), "id", ("user", "capability")),
    NameKind.ISSUER: _Source(issuers.list_all(), "name", ("url",)),
    NameKind.LIMIT: _Source(limits.list_all(), "name", ("scope", "target", "measure")),
}


def look_up_names(query: NameQuery, environ: Mapping[str, str]) -> NameList:
    """Return the first 200 names that match the query; raises the errors of settings and of the API."""
    chosen = query.server_options
    options = GlobalOptions(
        server=chosen.get("server"),
        context=chosen.get("context"),
        ca=Path(chosen["ca"]) if "ca" in chosen else None,
    )
    environment = Environment(
        variables=environ,
        stdin=StringIO(),
        stdout=StringIO(),
        stderr=StringIO(),
        now=lambda: datetime.now(UTC),
    )
    with Invocation(options, environment) as admin:
        if query.kind is NameKind.CONTEXT:
            return NameList(
                prefix="", complete=True, names=[(each.name, each.server) for each in admin.contexts.all()]
            )
        return _listed(admin, _SOURCES[query.kind], query.prefix)


def _listed(admin: Invocation, source: _Source, prefix: str) -> NameList:
    # The API does not filter by id.
    filtered_prefix = prefix if source.name == "name" else ""
    request = source.request.with_query(filter=f"name~{filtered_prefix}*" if filtered_prefix else None)
    page = admin.api_without_keyring.page(request, limit=_MOST)
    names = [
        (
            str(item.get(source.name)),
            " ".join(str(item[member]) for member in source.description if item.get(member)),
        )
        for item in page.items
    ]
    return NameList(prefix=filtered_prefix, complete=page.next_cursor is None, names=names)
