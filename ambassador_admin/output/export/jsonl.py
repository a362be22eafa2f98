"""Formats audit events as JSON lines, unchanged from the admin API."""

from ambassador_admin.output.export.json_objects import JsonObjects

LAYOUT = JsonObjects(lambda event: event)
