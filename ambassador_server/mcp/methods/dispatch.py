"""The methods that hosts of both eras call, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from ambassador_protocol.mcp import TASK_METHODS
from ambassador_server.mcp.caller import Method
from ambassador_server.mcp.held_calls import HeldCalls
from ambassador_server.mcp.methods.completion import CompletionMethods
from ambassador_server.mcp.methods.governed_request import GovernedRequests
from ambassador_server.mcp.methods.prompts import PromptMethods
from ambassador_server.mcp.methods.resources import ResourceMethods
from ambassador_server.mcp.methods.tasks import TaskMethods
from ambassador_server.mcp.methods.tools import ToolMethods
from ambassador_server.mcp.questions.request_states import RequestStates
from ambassador_server.meta_tools.answers import MetaTools
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.sealing import Sealer
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.pipeline import CallPipeline


@dataclass(frozen=True, slots=True)
class Methods:
    """`by_name` has what both eras serve, and `modern` what only the modern one has.

    `tools` also checks what the modern era repeats in headers.
    """

    tools: ToolMethods
    by_name: Mapping[str, Method]
    modern: Mapping[str, Method]


def build_methods(
    catalog: Catalog, calls: CallPipeline, meta: MetaTools, sealer: Sealer, clock: Clock
) -> Methods:
    """Return the methods over the services."""
    states = RequestStates(sealer=sealer, clock=clock)
    requests = GovernedRequests(catalog=catalog, calls=calls, held=HeldCalls(), states=states)
    tasks = TaskMethods(catalog=catalog, requests=requests, sealer=sealer)
    tools = ToolMethods(catalog=catalog, requests=requests, tasks=tasks, meta=meta)
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
        modern=dict.fromkeys(TASK_METHODS, tasks.manage),
    )
