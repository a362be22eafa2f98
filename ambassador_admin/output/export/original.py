"""Formats audit events as the Node.js MCP Ambassador writes them: one JSON object per line."""

from ambassador_admin.output.export.json_objects import JsonObjects
from ambassador_protocol.audit.foreign.original import convert

LAYOUT = JsonObjects(convert)
