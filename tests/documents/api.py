"""Writes the admin API as one page: which request does what, and which roles may make it."""

from collections.abc import Iterable

from ambassador_protocol.paths import OPENAPI
from ambassador_server.domain.people.administrators import RIGHTS, Role
from ambassador_server.web.endpoints import Endpoint

_HEAD = f"""# The admin API

Made from the endpoints by `make docs`. A running server describes every request and answer in OpenAPI 3.1:
`GET {OPENAPI}` on the admin port, for any administrator. What a role is for is in `docs/administrators.md`.

An admin key is sent as `Authorization: Bearer amb_ak_...` or `X-Admin-Key: amb_ak_...`. Whoever has no valid one gets
401, whoever lacks the right 403 with the code `AMB-3002`, both before anything else of the request is looked at. Some
requests need more, depending on what they say: each operation of a batch its own right; roles, and users who have
roles, `manage`. A query parameter that a request does not know is refused.
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
        return [request, summary, "anybody", *("yes" for _ in Role)]
    return [request, summary, f"`{right}`", *("yes" if right in RIGHTS[role] else "" for role in Role)]
