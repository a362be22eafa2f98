"""Asks a modern host to let its user wait for the approval of another person, instead of a refusal alone."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ambassador_protocol.mcp import INPUT_REQUIRED
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.ports.exchange import Reply, error_reply

_QUESTION: Final = "approval"
_NOT_SENT: Final = "The call was not sent: its user has not continued after the question about its approval"


class _Answer(msgspec.Struct):
    action: str = ""


_answer_decoder = msgspec.json.Decoder(_Answer)


def approval_question(refusal: str, state: str) -> Reply:
    """Return the result that asks the host; it repeats the request with this state when its user has answered."""
    message = f"{refusal} Continue when it is approved."
    params = {"mode": "form", "message": message, "requestedSchema": {"type": "object", "properties": {}}}
    result = {
        "resultType": INPUT_REQUIRED,
        "inputRequests": {_QUESTION: {"method": "elicitation/create", "params": params}},
        "requestState": state,
    }
    return Reply(result=msgspec.json.encode(result), error=None)


def is_accepted(answers: Mapping[str, msgspec.Raw]) -> bool:
    """Tell whether the user wants to go on; no answer is none that says so."""
    try:
        return _answer_decoder.decode(answers.get(_QUESTION, msgspec.Raw(b"{}"))).action == "accept"
    except msgspec.MsgspecError:
        return False


def not_sent(kind: CapabilityKind) -> Reply:
    """Return what the host gets for a call whose user does not go on."""
    if kind is not CapabilityKind.TOOL:
        return error_reply(_NOT_SENT)
    result = {"content": [{"type": "text", "text": _NOT_SENT}], "isError": True}
    return Reply(result=msgspec.json.encode(result), error=None)
