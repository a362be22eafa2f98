"""Asks a server for names as any command would, but with a key only where nobody has to be asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from ambassador_admin.api import admin_keys, enrolments, grants, groups, keys, mcps, sessions, switches, users
from ambassador_admin.api.request import Request
from ambassador_admin.completion.cache import Answer, Question
from ambassador_admin.completion.kinds import Kind
from ambassador_admin.context import AdminContext, World
from ambassador_admin.context.settings import GlobalOptions

_MOST = 200


@dataclass(frozen=True, slots=True)
class _Source:
    """A list of the API: `name` is the member to complete, `told` are those that describe it."""

    request: Request
    name: str
    told: tuple[str, ...]


_SOURCES = {
    Kind.USER: _Source(users.every(), "name", ("display_name",)),
    Kind.GROUP: _Source(groups.every(), "name", ("description",)),
    Kind.MCP: _Source(mcps.every(), "name", ("display_name",)),
    Kind.KEY: _Source(keys.every(user=None), "id", ("user", "name")),
    Kind.ENROLMENT: _Source(enrolments.every(user=None), "id", ("user", "name")),
    Kind.ADMIN_KEY: _Source(admin_keys.every(), "name", ("user",)),
    Kind.SWITCH: _Source(switches.every(lifted=False), "id", ("scope", "target", "reason")),
    Kind.SESSION: _Source(sessions.every(user=None), "id", ("user", "host_tool")),
    Kind.GRANT: _Source(grants.every(), "id", ("group", "mcp")),
}


def ask(question: Question, environ: Mapping[str, str]) -> Answer:
    """Return the first names of that kind; raises whatever stands in the way."""
    said = question.said
    options = GlobalOptions(
        server=said.get("server"), context=said.get("context"), ca=Path(said["ca"]) if "ca" in said else None
    )
    world = World(
        environ=environ, stdin=StringIO(), stdout=StringIO(), stderr=StringIO(), now=lambda: datetime.now(UTC)
    )
    with AdminContext(options, world) as admin:
        if question.kind is Kind.CONTEXT:
            return Answer(
                prefix="", complete=True, names=[(each.name, each.server) for each in admin.book.all()]
            )
        return _listed(admin, _SOURCES[question.kind], question.prefix)


def _listed(admin: AdminContext, source: _Source, prefix: str) -> Answer:
    # Ids are no field to filter by.
    asked = prefix if source.name == "name" else ""
    request = source.request.asking(filter=f"name~{asked}*" if asked else None)
    page = admin.quiet_api.page(request, limit=_MOST)
    names = [
        (
            str(item.get(source.name)),
            " ".join(str(item[member]) for member in source.told if item.get(member)),
        )
        for item in page.items
    ]
    return Answer(prefix=asked, complete=page.next_cursor is None, names=names)
