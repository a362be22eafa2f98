"""Every endpoint path and header name, each once."""

from typing import Final

DEFAULT_CLIENT_PORT: Final = 8443
DEFAULT_ADMIN_PORT: Final = 9443

HEALTH: Final = "/health"
LIVE: Final = "/live"
READY: Final = "/ready"
CA_CERTIFICATE: Final = "/v1/trust/ca.pem"
OPENAPI: Final = "/v1/openapi.json"

MCP: Final = "/mcp"

REGISTER: Final = "/v1/sessions/register"
HEARTBEAT: Final = "/v1/sessions/heartbeat"
CONNECTIONS: Final = "/v1/sessions/connections"
TOOLS: Final = "/v1/tools"
INVOKE: Final = "/v1/tools/invoke"

ADMIN: Final = "/v1/admin"
USERS: Final = f"{ADMIN}/users"
GROUPS: Final = f"{ADMIN}/groups"
MEMBERSHIPS: Final = f"{ADMIN}/memberships"
MCPS: Final = f"{ADMIN}/mcps"
GRANTS: Final = f"{ADMIN}/grants"
KEYS: Final = f"{ADMIN}/keys"
BATCH: Final = f"{ADMIN}/batch"
SUBSCRIPTIONS: Final = f"{ADMIN}/subscriptions"
SWITCHES: Final = f"{ADMIN}/kill-switches"
AUDIT_EVENTS: Final = f"{ADMIN}/audit/events"
AUDIT_TRACES: Final = f"{ADMIN}/audit/traces"
AUDIT_STATISTICS: Final = f"{ADMIN}/audit/statistics"
AUDIT_STREAM: Final = f"{ADMIN}/audit/stream"
AUDIT_VERIFICATION: Final = f"{ADMIN}/audit/verify"
AUDIT_KEYS: Final = f"{ADMIN}/audit/keys"
AUDIT_PRUNING: Final = f"{ADMIN}/audit/prune"
SESSIONS: Final = f"{ADMIN}/sessions"
ACCESS: Final = f"{ADMIN}/access"
WHOAMI: Final = f"{ADMIN}/whoami"
LOGIN: Final = f"{ADMIN}/login"
LOGOUT: Final = f"{ADMIN}/logout"
OWN_PASSWORD: Final = f"{ADMIN}/password"
ADMIN_KEYS: Final = f"{ADMIN}/admin-keys"
SERVER_CONFIG: Final = f"{ADMIN}/server/config"
SERVER_HEALTH: Final = f"{ADMIN}/server/health"

SESSION_TOKEN_HEADER: Final = "X-Session-Token"
ADMIN_KEY_HEADER: Final = "X-Admin-Key"
REQUEST_ID_HEADER: Final = "X-Request-Id"
CLIENT_VERSION_HEADER: Final = "X-Ambassador-Client"
