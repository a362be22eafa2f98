"""Asks a modern host to let its user wait for the approval of another person, instead of a refusal alone."""

from typing import Final

import msgspec

from ambassador_protocol.mcp import INPUT_REQUIRED
from ambassador_server.ports.exchange import Reply

_QUESTION: Final = "approval"


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
