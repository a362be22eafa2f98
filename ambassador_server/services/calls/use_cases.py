"""The use cases of clients for capabilities: list them and call them."""

from dataclasses import dataclass

from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.calls.list_changes import ListChanges
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.services.calls.resource_updates import ResourceUpdates
from ambassador_server.services.calls.tool_search import ToolSearch


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUseCases:
    """`catalog` lists what a principal may call, `pipeline` calls it, `in_flight` holds the running calls.

    `search` finds tools for principals who get no list of them. `list_changes` and `resource_updates` tell listeners
    of changes.
    """

    catalog: Catalog
    pipeline: CallPipeline
    in_flight: CallsInFlight
    list_changes: ListChanges
    resource_updates: ResourceUpdates
    search: ToolSearch
