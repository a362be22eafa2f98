"""Writes docs/admin-api.md: the requests of the admin API and the roles that may make them."""

from collections.abc import Iterable

from ambassador_protocol.paths import OPENAPI
from ambassador_server.domain.people.administrators import RIGHTS, Role
from ambassador_server.web.endpoints import Endpoint

_HEAD = f"""# The admin API

Generated from the endpoints by `make docs`. A running server describes every request and answer in OpenAPI 3.1, for any
administrator: `GET {OPENAPI}` on the admin port. `docs/administrators.md` explains the roles.

Send the admin key as `Authorization: Bearer amb_ak_...` or `X-Admin-Key: amb_ak_...`. Without a valid key the answer is
401, without the right 403 with the code `AMB-3002`; both are checked before the rest of the request. Some requests need
another right, depending on their content: each operation of a batch needs its own right, changes of roles, or of
users with roles, need `manage`, and what makes the server start the command of an MCP over stdio needs `mcp:execute`,
which the role admin has (`docs/administrators.md`). An unknown query parameter is refused.
"""


def page(endpoints: Iterable[Endpoint]) -> str:
    """Return the whole page."""
    roles = [role.value for role in Role]
    rows = [["request", "what it does", "right", *roles], ["---"] * (3 + len(roles))]
    rows += [_row(endpoint) for endpoint in endpoints]
    return "\n".join([_HEAD, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _row(endpoint: Endpoint) -> list[str]:
    request, right = f"`{endpoint.method} {endpoint.path}`", endpoint.right
    summary = (endpoint.handler.__doc__ or "").partition("\n")[0]
    if right is None:
        return [request, summary, "none", *("yes" for _ in Role)]
    return [request, summary, f"`{right}`", *("yes" if right in RIGHTS[role] else "" for role in Role)]
