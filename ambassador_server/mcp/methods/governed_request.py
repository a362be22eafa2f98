"""Sends a host's request for one capability through the pipeline, with the questions that the host can be asked.

A modern host reads questions in results. Those of a modern downstream are passed on, with a sealed state that leads
back to the downstream; a call of a legacy downstream is held meanwhile.
"""

from collections.abc import Coroutine, Mapping
from typing import Final, TypeGuard

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    INPUT_REQUIRED,
    META_CLIENT_CAPABILITIES,
    META_CLIENT_INFO,
    META_LOG_LEVEL,
    META_VERSION,
    TASK_METHODS,
)
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import ApprovalFault, Deny, LackingApproval, MissingCredential
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.mcp.caller import Caller, CallOutcome
from ambassador_server.mcp.envelope import (
    EnvelopeError,
    Request,
    error_object,
    read_clear_members,
    read_members,
    write_members,
)
from ambassador_server.mcp.held_calls import Asked, HeldCalls
from ambassador_server.mcp.methods.notices import PROGRESS_TOKEN, teller_of_call
from ambassador_server.mcp.methods.refusals import refusal_of
from ambassador_server.mcp.questions.approval_questions import approval_question, is_accepted, not_sent
from ambassador_server.mcp.questions.asking import refuse
from ambassador_server.mcp.questions.capabilities import (
    NONE,
    can_be_asked,
    can_fill_forms,
    can_open_urls,
)
from ambassador_server.mcp.questions.credential_requests import legacy_request, modern_request
from ambassador_server.mcp.questions.elicitation import with_asking_mcp
from ambassador_server.mcp.questions.request_states import (
    ApprovalState,
    CredentialState,
    HeldState,
    PassedState,
    RequestStates,
)
from ambassador_server.member_names import MemberNames
from ambassador_server.ports.exchange import Ask, Question, Reply, Tell
from ambassador_server.services.calls.capability_call import (
    NAME_MEMBER,
    Answered,
    CapabilityCall,
    UsedApproval,
)
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.wording.refusals import refusal_text

ASKED_ABOUT: Final = frozenset({"tools/call", "prompts/get", "resources/read"})
"""The methods during which a downstream may ask the host."""
_READ_QUESTIONS: Final = ASKED_ABOUT.union(TASK_METHODS)
_RETRY: Final = ("inputResponses", "requestState")
_INPUT_REQUIRED: Final = b'"' + INPUT_REQUIRED.encode() + b'"'

_META_NAMES: Final = MemberNames(
    (PROGRESS_TOKEN, META_VERSION, META_CLIENT_INFO, META_CLIENT_CAPABILITIES, META_LOG_LEVEL),
    usual=("traceparent", "tracestate", "baggage"),
)


class _Asking(msgspec.Struct, rename="camel"):
    result_type: Raw = Raw()
    input_requests: dict[str, dict[str, Raw]] = {}
    request_state: str = ""


_asking_decoder = msgspec.json.Decoder(_Asking)
_questions_decoder = msgspec.json.Decoder(dict[str, dict[str, Raw]])
_text_decoder = msgspec.json.Decoder(str)
_answers_decoder = msgspec.json.Decoder(dict[str, Raw])


class _Round(msgspec.Struct, frozen=True, kw_only=True):
    """What a repeated request brings: the methods of answered questions, and the approval that it has used.

    The host was asked once already to do something about a refusal, unless it `may_ask`.
    """

    answered: tuple[str, ...] = ()
    may_ask: bool = True
    approval: UsedApproval | None = None


_FIRST: Final = _Round()


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is for: a kind, a name or URI in any accepted form, and the raw members of a reference if any.

    If it is not `sends_name`, the request names it in no parameter.
    """

    kind: CapabilityKind
    name: str
    reference: Mapping[str, bytes] | None = None
    sends_name: bool = True


class GovernedRequests:
    """Calls capabilities for hosts; the methods of all kinds use it."""

    def __init__(
        self, *, catalog: Catalog, calls: CallPipeline, held: HeldCalls, states: RequestStates
    ) -> None:
        self._catalog = catalog
        self._calls = calls
        self._held = held
        self._states = states

    def call(self, request: Request, caller: Caller, target: Target) -> Coroutine[None, None, CallOutcome]:
        """Return the answer of the downstream, or else what the host gets: a refusal or questions.

        Raises EnvelopeError for params that are invalid, at once, and AmbassadorError.
        """
        members, token = _forwarded_members(request, target)
        tell = teller_of_call(token, caller.log_level, caller.tell)
        if not caller.is_modern:
            for name in _RETRY:
                members.pop(name, None)
        elif request.method in ASKED_ABOUT and ("requestState" in members or caller.capabilities != NONE):
            return self._call_of_modern_host(request, caller, target, members, tell)
        return self._run(request, caller, target, members, caller.ask, tell)

    async def _call_of_modern_host(
        self, request: Request, caller: Caller, target: Target, members: dict[str, bytes], tell: Tell | None
    ) -> CallOutcome:
        round = _FIRST
        if "requestState" in members:
            answers = _answers(members.get("inputResponses", b"{}"))
            state = self._states.open(Raw(members.pop("requestState")), caller.principal, request)
            if isinstance(state, HeldState):
                resumed = await self._held.resume(
                    caller.principal.user_id, state.call_id, state.round, answers, tell
                )
                return self._asked(resumed, request, caller) if isinstance(resumed, Asked) else resumed
            self._check_owner(target, state.mcp_id)
            if isinstance(state, ApprovalState) and not is_accepted(answers):
                return not_sent(target.kind)
            if isinstance(state, CredentialState | ApprovalState):
                # Whether the user has given the credential shows in the call; a host is not asked without an end.
                members.pop("inputResponses", None)
                round = _Round(may_ask=False)
            else:
                round = _Round(
                    answered=tuple(method for key, method in state.methods.items() if key in answers),
                    approval=UsedApproval(state.approval, state.round) if state.approval else None,
                )
                if state.state:
                    members["requestState"] = msgspec.json.encode(state.state)
        if caller.capabilities == NONE:
            return await self._run(request, caller, target, members, None, tell, round)

        async def run(ask: Ask, tell_host: Tell) -> CallOutcome:
            wanted = None if tell is None else tell_host
            askable = _askable(ask, caller)
            return await self._run(request, caller, target, members, askable, wanted, round)

        outcome = await self._held.begin(caller.principal.user_id, run, tell)
        return self._asked(outcome, request, caller) if isinstance(outcome, Asked) else outcome

    def _check_owner(self, target: Target, mcp_id: str) -> None:
        """Refuse answers to the questions of an MCP whose name or URI leads to another MCP by now."""
        entry = self._catalog.resolve(target.kind, target.name)
        if entry is not None and entry.ref.mcp_id != mcp_id:
            raise EnvelopeError(
                Code.INVALID_PARAMS, "params.requestState is of another MCP: send the request again"
            )

    async def _run(
        self,
        request: Request,
        caller: Caller,
        target: Target,
        members: dict[str, bytes],
        ask: Ask | None,
        tell: Tell | None,
        round: _Round = _FIRST,
    ) -> CallOutcome:
        answer = await self._calls.call(_call(request, caller, target, members, ask, tell, round))
        if _is_final(answer, caller):
            return answer
        if isinstance(answer, Deny) and answer.missing is not None and round.may_ask:
            return self._without_credential(answer, answer.missing, target, request, caller)
        if isinstance(answer, Deny) and answer.approval is not None and round.may_ask:
            return self._without_approval(answer, answer.approval, target, request, caller)
        return await self._converted(answer, target, request, caller)

    def _without_credential(
        self, deny: Deny, missing: MissingCredential, target: Target, request: Request, caller: Caller
    ) -> Reply:
        """Ask a host that can open URLs to let the user give the credential; refuse the request of another."""
        entry = self._catalog.resolve(target.kind, target.name)
        link = missing.link
        can_ask = request.method in ASKED_ABOUT and can_open_urls(caller.capabilities)
        if link is None or entry is None or not can_ask:
            return refusal_of(deny, target.kind, target.name)
        if not caller.is_modern:
            return legacy_request(missing, link, {"reason": deny.reason.value})
        state = self._states.seal(CredentialState(entry.ref.mcp_id), caller.principal, request)
        return modern_request(missing, link, state)

    def _without_approval(
        self, deny: Deny, lacking: LackingApproval, target: Target, request: Request, caller: Caller
    ) -> Reply:
        """Ask a modern host that fills in forms whether its user waits; refuse the request of another."""
        entry = self._catalog.resolve(target.kind, target.name)
        can_ask = caller.is_modern and request.method in ASKED_ABOUT and can_fill_forms(caller.capabilities)
        if lacking.fault is not ApprovalFault.PENDING or entry is None or not can_ask:
            return refusal_of(deny, target.kind, target.name)
        state = self._states.seal(ApprovalState(entry.ref.mcp_id), caller.principal, request)
        return approval_question(refusal_text(deny, target.name, target.kind), state)

    async def _converted(
        self, answer: Answered | Deny, target: Target, request: Request, caller: Caller
    ) -> CallOutcome:
        """Return what the host gets for a refusal, or for a result that asks for input."""
        if isinstance(answer, Deny):
            return refusal_of(answer, target.kind, target.name)
        result = answer.reply.result or b""
        if len(result) <= LARGE:
            return self._passed_on(answer, result, request, caller)
        return await off_loop(self._passed_on, answer, result, request, caller)

    def _passed_on(
        self, answer: Answered, result: bytes, request: Request, caller: Caller
    ) -> Answered | Reply:
        """Return questions of a modern downstream with the name of the MCP and a sealed state."""
        try:
            asking = _asking_decoder.decode(result)
        except (msgspec.MsgspecError, RecursionError):
            return answer
        if bytes(asking.result_type) != _INPUT_REQUIRED:
            return answer
        if request.method not in ASKED_ABOUT:
            text = f"The MCP asks for input, which is not possible during {request.method}"
            return Reply(result=None, error=error_object(Code.DOWNSTREAM_UNAVAILABLE, text))
        methods = {key: _method(asked) for key, asked in asking.input_requests.items()}
        used = answer.approval
        state = PassedState(answer.mcp_id, asking.request_state, methods)
        if used is not None:
            state = replace(state, approval=used.request_id, round=used.round)
        members = read_members(result)
        members["requestState"] = self._sealed(state, request, caller)
        if "inputRequests" in members:
            members["inputRequests"] = named_questions(members["inputRequests"], answer.mcp_name)
        return Reply(result=write_members(members), error=None)

    def _asked(self, asked: Asked, request: Request, caller: Caller) -> Reply:
        """Return the questions of a call that is held."""
        questions = {
            key: _named(
                {"method": Raw(msgspec.json.encode(each.method)), "params": Raw(each.params)}, each.asked_by
            )
            for key, each in asked.questions.items()
        }
        members = {
            "resultType": Raw(_INPUT_REQUIRED),
            "inputRequests": Raw(msgspec.json.encode(questions)),
            "requestState": self._sealed(HeldState(asked.call_id, asked.round), request, caller),
        }
        return Reply(result=write_members(members), error=None)

    def _sealed(self, state: HeldState | PassedState, request: Request, caller: Caller) -> Raw:
        sealed = self._states.seal(state, caller.principal, request)
        return Raw(msgspec.json.encode(sealed))


def _is_final(answer: Answered | Deny, caller: Caller) -> TypeGuard[Answered]:
    """Tell whether the host gets an answer as it is."""
    if isinstance(answer, Deny):
        return False
    result = answer.reply.result
    return result is None or not caller.is_modern or _INPUT_REQUIRED not in result


def named_questions(raw: Raw, mcp_name: str) -> Raw:
    """Return the questions of a result, by their keys, with the name of the MCP in the message of each elicitation."""
    try:
        questions = _questions_decoder.decode(raw)
    except msgspec.MsgspecError:
        return raw
    return Raw(msgspec.json.encode({key: _named(asked, mcp_name) for key, asked in questions.items()}))


def text_param(request: Request, name: str, what: str) -> str:
    """Return a parameter that is a text; raises EnvelopeError."""
    try:
        return _text_decoder.decode(request.params[name])
    except (KeyError, msgspec.MsgspecError) as error:
        raise EnvelopeError(Code.INVALID_PARAMS, f"params.{name} must be {what}") from error


def _call(
    request: Request,
    caller: Caller,
    target: Target,
    members: Mapping[str, bytes],
    ask: Ask | None,
    tell: Tell | None,
    round: _Round,
) -> CapabilityCall:
    return CapabilityCall(
        principal=caller.principal,
        origin=caller.origin,
        kind=target.kind,
        method=request.method,
        name=target.name,
        members=members,
        reference=target.reference,
        sends_name=target.sends_name,
        capabilities=caller.capabilities,
        tell=tell,
        ask=ask if request.method in ASKED_ABOUT else None,
        reads_questions=caller.is_modern and request.method in _READ_QUESTIONS,
        log_level=caller.log_level,
        answered=round.answered,
        approval=round.approval,
    )


def _askable(ask: Ask, caller: Caller) -> Ask:
    """Return `ask` for the questions alone that the host has declared."""

    async def ask_if_declared(question: Question) -> Reply:
        if not can_be_asked(caller.capabilities, question.method):
            return await refuse(question)
        return await ask(question)

    return ask_if_declared


def _named(asked: dict[str, Raw], mcp_name: str) -> dict[str, Raw]:
    """Return a question; the message of an elicitation begins with the name of the MCP."""
    if _method(asked) == "elicitation/create" and "params" in asked:
        return asked | {"params": Raw(with_asking_mcp(bytes(asked["params"]), mcp_name))}
    return asked


def _method(asked: Mapping[str, Raw]) -> str:
    try:
        return msgspec.json.decode(asked.get("method", Raw(b'""')), type=str)
    except msgspec.MsgspecError:
        return ""


def _answers(raw: bytes) -> dict[str, Raw]:
    try:
        return _answers_decoder.decode(raw)
    except msgspec.MsgspecError:
        raise EnvelopeError(Code.INVALID_PARAMS, "params.inputResponses must be an object") from None


def _forwarded_members(request: Request, target: Target) -> tuple[dict[str, bytes], bytes | None]:
    """Return the params to forward to the downstream, and the caller's progress token, which is not forwarded."""
    named_by = NAME_MEMBER[target.kind] if target.reference is None else "ref"
    members = {key: bytes(raw) for key, raw in request.params.items() if key != named_by}
    if not members.get("arguments", b"{").startswith(b"{"):
        raise EnvelopeError(Code.INVALID_PARAMS, "params.arguments must be an object")
    # Decoded instead of searched, because a member name may contain escapes. A forwarded token could equal the token
    # that this server has given to another call.
    if "_meta" not in members:
        return members, None
    meta = read_clear_members(members["_meta"], _META_NAMES, "params._meta")
    token = meta.pop(PROGRESS_TOKEN, None)
    if token is None:
        return members, None
    members["_meta"] = write_members(meta)
    return members, bytes(token)
