"""The methods that hosts of both eras call, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from ambassador_server.mcp.caller import Method
from ambassador_server.mcp.held_calls import HeldCalls
from ambassador_server.mcp.methods.completion import CompletionMethods
from ambassador_server.mcp.methods.governed_request import GovernedRequests
from ambassador_server.mcp.methods.prompts import PromptMethods
from ambassador_server.mcp.methods.resources import ResourceMethods
from ambassador_server.mcp.methods.tools import ToolMethods
from ambassador_server.mcp.questions.request_states import RequestStates
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.pipeline import CallPipeline


@dataclass(frozen=True, slots=True)
class Methods:
    """`by_name` has what both eras serve; `tools` also checks what the modern era repeats in headers."""

    tools: ToolMethods
    by_name: Mapping[str, Method]


def build_methods(catalog: Catalog, calls: CallPipeline, states: RequestStates) -> Methods:
    """Return the methods over the services."""
    requests = GovernedRequests(calls=calls, held=HeldCalls(), states=states)
    tools = ToolMethods(catalog=catalog, requests=requests)
    prompts = PromptMethods(catalog=catalog, requests=requests)
    resources = ResourceMethods(catalog=catalog, requests=requests)
    completion = CompletionMethods(catalog=catalog, requests=requests)
    return Methods(
        tools=tools,
        by_name={
            "tools/list": tools.list,
            "tools/call": tools.call,
            "prompts/list": prompts.list,
            "prompts/get": prompts.get,
            "resources/list": resources.list,
            "resources/templates/list": resources.list_templates,
            "resources/read": resources.read,
            "completion/complete": completion.complete,
        },
    )
