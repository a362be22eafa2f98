"""The lists of resources and of templates for their URIs."""

from typing import Any, Final

import msgspec

from ambassador_server.domain.catalog.offers import ListedResource, ResourceTemplate
from ambassador_server.downstream.features.list_faults import ListFaults
from ambassador_server.downstream.features.pages import ListKind

LONGEST_URI: Final = 4096
"""The longest URI of a resource, in characters, that is offered."""
MOST_TEMPLATES: Final = 500
"""How many templates one MCP may have: a URI may have to be compared with each of them."""


class _Located(msgspec.Struct):
    uri: str


class _Patterned(msgspec.Struct, rename="camel"):
    uri_template: str


class _Head(msgspec.Struct, rename="camel"):
    name: Any = None
    description: Any = None
    mime_type: Any = None


_uri_decoder = msgspec.json.Decoder(_Located)
_template_decoder = msgspec.json.Decoder(_Patterned)
_head_decoder = msgspec.json.Decoder(_Head)


def _build_resource(uri: str, definition: bytes, _: ListFaults) -> ListedResource:
    name, description, mime_type = _texts(definition)
    return ListedResource(
        uri=uri, name=name, description=description, mime_type=mime_type, definition=definition
    )


def _build_template(uri_template: str, definition: bytes, _: ListFaults) -> ResourceTemplate:
    name, description, mime_type = _texts(definition)
    return ResourceTemplate(
        uri_template=uri_template,
        name=name,
        description=description,
        mime_type=mime_type,
        definition=definition,
    )


def _texts(definition: bytes) -> tuple[str, str, str]:
    """Return name, description and MIME type; what is missing or no text is empty."""
    head = _head_decoder.decode(definition)
    name, description, mime_type = (
        each if isinstance(each, str) else "" for each in (head.name, head.description, head.mime_type)
    )
    return name, description, mime_type


RESOURCES: Final = ListKind(
    method="resources/list",
    member="resources",
    noun="resource",
    key_name="URI",
    read_key=lambda definition: _uri_decoder.decode(definition).uri,
    build=_build_resource,
    identity=lambda resource: resource.definition,
    longest_key=LONGEST_URI,
)
TEMPLATES: Final = ListKind(
    method="resources/templates/list",
    member="resource_templates",
    noun="resource template",
    key_name="URI template",
    read_key=lambda definition: _template_decoder.decode(definition).uri_template,
    build=_build_template,
    identity=lambda template: template.definition,
    longest_key=LONGEST_URI,
    most=MOST_TEMPLATES,
    # Many servers that have resources know no templates.
    optional=True,
)
