"""Builds the pipeline of calls and what stands around it."""

from functools import partial

from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.bootstrap.key_rates import KeyRates
from ambassador_server.config import ServerConfig
from ambassador_server.full_text_index import FullTextIndex
from ambassador_server.mcp.payload_reader import MsgspecPayloads
from ambassador_server.mcp.target_answers import WORDING
from ambassador_server.ports.tracing import Tracer
from ambassador_server.services.calls.admission import Admission
from ambassador_server.services.calls.broadcasts import BroadcastBounds, Broadcasts
from ambassador_server.services.calls.call_approvals import CallApprovals
from ambassador_server.services.calls.call_rates import CallRates
from ambassador_server.services.calls.call_records import CallRecords
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.downstream_calls import DownstreamCalls
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.calls.limits import CallLimits
from ambassador_server.services.calls.list_changes import ListChanges
from ambassador_server.services.calls.own_tools import OwnToolKinds
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.services.calls.resource_updates import ResourceUpdates
from ambassador_server.services.calls.tool_search import ToolSearch
from ambassador_server.services.calls.traced_pipeline import TracedPipeline
from ambassador_server.services.calls.use_cases import CallUseCases
from ambassador_server.services.changes.approval_waits import ApprovalWaits
from ambassador_server.services.registry.first_lists import FirstLists
from ambassador_server.services.sign_in.sessions import Sessions


def create_catalog(
    config: ServerConfig, base: Foundation, first_lists: FirstLists, broadcasts: Broadcasts
) -> Catalog:
    """Build the catalog."""
    return Catalog(
        policy=base.policy,
        downstreams=base.downstreams,
        separator=config.separator,
        asked=first_lists.asked,
        own=OwnToolKinds(broadcasts),
    )


def create_broadcasts(config: ServerConfig, base: Foundation) -> Broadcasts:
    """Build the tools that call several tools at once."""
    return Broadcasts(
        separator=config.separator,
        bounds=BroadcastBounds(**config.broadcasts.model_dump()),
        wording=WORDING,
        clock=base.clock,
    )


def create_calls(
    config: ServerConfig,
    base: Foundation,
    catalog: Catalog,
    in_flight: CallsInFlight,
    sessions: Sessions,
    rates: KeyRates,
    tracer: Tracer | None,
) -> CallUseCases:
    """Build the use cases of clients for capabilities; without a tracer no call pays for traces."""
    records = CallRecords(
        policy=base.policy, recorder=base.recorder, payloads=MsgspecPayloads(), clock=base.clock
    )
    approvals = CallApprovals(
        policy=base.policy,
        records=records,
        requests=base.requests,
        waits=ApprovalWaits(base.requests),
        hold_seconds=config.approvals.hold_seconds,
    )
    create = CallPipeline if tracer is None else partial(TracedPipeline, tracer)
    pipeline = create(
        policy=base.policy,
        catalog=catalog,
        in_flight=in_flight,
        records=records,
        downstreams=DownstreamCalls(base.downstreams, base.lending, config.credential_link),
        clock=base.clock,
        rates=CallRates(rates.calls, rates.audit_bytes),
        admission=Admission(base.policy, CallLimits(base.limit_counters), approvals),
    )
    return CallUseCases(
        catalog=catalog,
        pipeline=pipeline,
        in_flight=in_flight,
        list_changes=ListChanges(
            policy=base.policy,
            catalog=catalog,
            downstreams=base.downstreams,
            session_is_open=sessions.is_open,
        ),
        resource_updates=ResourceUpdates(
            policy=base.policy, catalog=catalog, downstreams=base.downstreams, pipeline=pipeline
        ),
        search=_tool_search(base, catalog, rates),
    )


def _tool_search(base: Foundation, catalog: Catalog, rates: KeyRates) -> ToolSearch:
    return ToolSearch(
        policy=base.policy,
        catalog=catalog,
        build=FullTextIndex,
        recorder=base.recorder,
        calls=rates.calls,
    )
