"""Lists every endpoint of the admin API, in the order of the OpenAPI document."""

from ambassador_server.web import health
from ambassador_server.web.admin import (
    access,
    account,
    admin_keys,
    approvals,
    audit,
    audit_files,
    audit_proof,
    audit_stream,
    batch,
    client_keys,
    credentials,
    description,
    enrolments,
    grants,
    groups,
    issuers,
    limits,
    mcps,
    memberships,
    metrics,
    server,
    subscriptions,
    switches,
    users,
)
from ambassador_server.web.admin import sessions as admin_sessions
from ambassador_server.web.endpoints import Endpoint

_MODULES = (
    health,
    metrics,
    description,
    server,
    account,
    admin_keys,
    users,
    groups,
    memberships,
    client_keys,
    enrolments,
    admin_sessions,
    mcps,
    grants,
    subscriptions,
    credentials,
    issuers,
    limits,
    approvals,
    switches,
    access,
    batch,
    audit,
    audit_proof,
    audit_files,
    audit_stream,
)


def admin_endpoints() -> list[Endpoint]:
    """Return every endpoint of the admin API."""
    return [endpoint for module in _MODULES for endpoint in module.endpoints()]
