"""The commands `mcp resources` and `mcp prompts`: what an MCP offers besides tools."""

import typer

from ambassador_admin.api import mcps
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.mcps import Name
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of
from ambassador_protocol.admin.mcps import PromptView, ResourceView

RESOURCE = View(
    "resources",
    (
        Column("URI", "pattern", whole=True),
        Column("TEMPLATE", "template"),
        Column("NAME", "name"),
        Column("TYPE", "mime_type"),
        Column("PUBLISHED AS", "published_as", wide=True),
        Column("DESCRIPTION", "description"),
    ),
    fields_of(ResourceView),
)
PROMPT = View(
    "prompts",
    (
        Column("NAME", "pattern", whole=True),
        Column("PUBLISHED AS", "published_as", wide=True),
        Column("DESCRIPTION", "description"),
    ),
    fields_of(PromptView),
)


def register(group: typer.Typer) -> None:
    """Register the commands."""
    verb(group, "resources")(resources)
    verb(group, "prompts")(prompts)


def resources(admin: Invocation, name: Name, list_options: ListOptions) -> None:
    """List the resources of an MCP and its templates of resources, by the URIs that grants take.

    Example: ambassador-admin mcp resources files --filter 'uri~file:///srv/*'
    """
    list_options.show(admin, mcps.resources(name), RESOURCE)


def prompts(admin: Invocation, name: Name, list_options: ListOptions) -> None:
    """List the prompts of an MCP.

    Example: ambassador-admin mcp prompts time
    """
    list_options.show(admin, mcps.prompts(name), PROMPT)
