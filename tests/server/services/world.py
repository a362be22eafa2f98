"""The services over fakes: one user in one group, one MCP `git` with three tools, one grant."""

from dataclasses import dataclass
from typing import Self

from ambassador_server.argument_rules.json_schema import JsonSchemaRules
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditEvent
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.administrators import Administrator, Role
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.sessions import SessionBounds
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.mcp.payload_reader import MsgspecPayloads
from ambassador_server.ports.session_tokens import SessionTokens
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.administration.scope_targets import ScopeTargets
from ambassador_server.services.administration.switches import Switches
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.calls.admission import Admission
from ambassador_server.services.calls.call_approvals import CallApprovals
from ambassador_server.services.calls.call_rates import CallRates
from ambassador_server.services.calls.call_records import CallRecords
from ambassador_server.services.calls.capability_call import Answered, CapabilityCall
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.downstream_calls import DownstreamCalls
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.calls.limits import CallLimits
from ambassador_server.services.calls.own_tools import OwnToolKinds, OwnTools
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.services.changes.approval_requests import ApprovalRequests
from ambassador_server.services.changes.approval_waits import ApprovalWaits
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.sessions import Sessions
from ambassador_server.throttling.key_rates import KeyRate
from ambassador_server.throttling.limit_counters import LimitCountersInMemory
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.fakes.credential_lender import FakeCredentialLender
from tests.fakes.downstream import FakeDownstreams, Script, make_tool
from tests.fakes.store import InMemoryStore
from tests.fakes.throttle import CountingThrottle
from tests.server.worlds import GRANT, GROUP, KEY, MCP, PRINCIPAL, USER

ORIGIN = Origin("request-1", "127.0.0.1")
RULES = JsonSchemaRules()
ROOT = Requester(Administrator(admin_key_id="a1", name="root", roles=(Role.ADMIN,), expires_at=None), ORIGIN)


@dataclass(kw_only=True)
class World:
    """The services, the fakes below them and the clock."""

    clock: ManualClock
    store: InMemoryStore
    log: FakeAuditLog
    recorder: Recorder
    downstreams: FakeDownstreams
    policy: PolicyKeeper
    catalog: Catalog
    changes: Changes
    switches: Switches
    calls: CallPipeline
    in_flight: CallsInFlight
    lender: FakeCredentialLender
    requests: ApprovalRequests

    @classmethod
    async def build(cls, *own: OwnTools, hold_seconds: float = 0) -> Self:
        clock, store, log, downstreams = ManualClock(), InMemoryStore(), FakeAuditLog(), FakeDownstreams()
        tools = (
            make_tool("log", readOnlyHint=True),
            make_tool("push", destructiveHint=True),
            make_tool("tag", destructiveHint=False),
        )
        downstreams.script("git", *tools)
        async with store.write() as work:
            await work.users.add(USER)
            await work.groups.add(GROUP)
            await work.memberships.add(Membership(user_id="u1", group_id="g1"))
            await work.keys.add(KEY)
            await work.mcps.add(MCP)
            await work.grants.add(GRANT)
        policy = PolicyKeeper(store=store, clock=clock, compile_check=RULES.compiled)
        recorder = Recorder(log=log, clock=clock)
        catalog = Catalog(policy=policy, downstreams=downstreams, separator="__", own=OwnToolKinds(*own))
        changes = Changes(store=store, policy=policy, recorder=recorder)
        in_flight, lender = CallsInFlight(policy), FakeCredentialLender()
        records = CallRecords(policy=policy, recorder=recorder, payloads=MsgspecPayloads(), clock=clock)
        requests = ApprovalRequests(store=store, changes=changes, clock=clock)
        await policy.refresh()
        downstreams.apply(policy.snapshot.mcps.values())
        return cls(
            clock=clock,
            store=store,
            log=log,
            recorder=recorder,
            downstreams=downstreams,
            policy=policy,
            catalog=catalog,
            changes=changes,
            switches=Switches(
                store=store,
                changes=changes,
                targets=ScopeTargets(
                    catalog=catalog, patterns=PatternChecks(catalog=catalog, separator="__")
                ),
                clock=clock,
            ),
            in_flight=in_flight,
            lender=lender,
            requests=requests,
            calls=CallPipeline(
                policy=policy,
                catalog=catalog,
                in_flight=in_flight,
                records=records,
                downstreams=DownstreamCalls(
                    downstreams, lender, "https://here.example/credentials/{}".format
                ),
                clock=clock,
                rates=CallRates(
                    KeyRate(10_000, clock.monotonic),
                    KeyRate(100_000_000, clock.monotonic),
                ),
                admission=Admission(
                    policy,
                    CallLimits(LimitCountersInMemory(monotonic=clock.monotonic, now=clock.now)),
                    CallApprovals(
                        policy=policy,
                        records=records,
                        requests=requests,
                        waits=ApprovalWaits(requests),
                        hold_seconds=hold_seconds,
                    ),
                ),
            ),
        )

    def prover(self, pepper: bytes, throttle: CountingThrottle | None = None) -> KeyProver:
        return KeyProver(
            store=self.store,
            policy=self.policy,
            recorder=Recorder(log=self.log, clock=self.clock),
            throttle=throttle or CountingThrottle(),
            clock=self.clock,
            rate=KeyRate(10_000, self.clock.monotonic),
            pepper=pepper,
        )

    def sessions(
        self,
        prover: KeyProver,
        tokens: SessionTokens,
        *,
        bounds: SessionBounds | None = None,
        throttle: CountingThrottle | None = None,
    ) -> Sessions:
        return Sessions(
            store=self.store,
            policy=self.policy,
            tokens=tokens,
            prover=prover,
            recorder=Recorder(log=self.log, clock=self.clock),
            throttle=throttle or CountingThrottle(),
            clock=self.clock,
            bounds=bounds or SessionBounds(),
        )

    @property
    def script(self) -> Script:
        return self.downstreams.scripts["git"]

    async def call(
        self, name: str = "git__log", arguments: bytes = b"{}", principal: Principal = PRINCIPAL
    ) -> Answered | Deny:
        return await self.calls.call(
            CapabilityCall(
                principal=principal,
                origin=ORIGIN,
                kind=CapabilityKind.TOOL,
                method="tools/call",
                name=name,
                members={"arguments": arguments},
            )
        )

    async def kill(self, scope: SwitchScope, target: str | None, message: str | None = None) -> str:
        written = await self.switches.activate(
            ROOT, scope=scope, target=target, reason="incident 7", message=message, lifetime=None, drill=False
        )
        return written.item.switch_id

    def call_events(self) -> list[AuditEvent]:
        return [event for event in self.log.events if event.action.startswith("call:")]
