"""Formats audit events as secure-mcp-gateway writes them: one JSON object per line."""

from ambassador_admin.output.export.json_objects import JsonObjects
from ambassador_protocol.audit.foreign.secure_gateway import convert

LAYOUT = JsonObjects(convert)
