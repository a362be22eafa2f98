"""Asks hosts that can open URLs to let the user give a missing credential, instead of a refusal alone."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ambassador_protocol.mcp import INPUT_REQUIRED
from ambassador_server.domain.policy.decision import MissingCredential
from ambassador_server.mcp.envelope import error_object
from ambassador_server.ports.exchange import Reply
from ambassador_server.wording.refusals import missing_credential_text

URL_ELICITATION_REQUIRED: Final = -32042
"""The error of the legacy era that lists the URLs which the user has to open before the request can run."""
_QUESTION: Final = "credential"


def legacy_request(missing: MissingCredential, link: str, data: Mapping[str, str]) -> Reply:
    """Return the error that asks a host of the legacy era."""
    elicitation = {**_elicitation(missing, link), "elicitationId": secrets.token_urlsafe(16)}
    text = missing_credential_text(missing)
    return Reply(
        result=None,
        error=error_object(URL_ELICITATION_REQUIRED, text, {**data, "elicitations": [elicitation]}),
    )


def modern_request(missing: MissingCredential, link: str, state: str) -> Reply:
    """Return the result that asks a host of the modern era; the host repeats the request with this state."""
    question = {"method": "elicitation/create", "params": _elicitation(missing, link)}
    result = {
        "resultType": INPUT_REQUIRED,
        "inputRequests": {_QUESTION: question},
        "requestState": state,
    }
    return Reply(result=msgspec.json.encode(result), error=None)


def _elicitation(missing: MissingCredential, link: str) -> dict[str, Any]:
    return {"mode": "url", "url": link, "message": missing_credential_text(missing)}
