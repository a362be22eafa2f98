"""Forms and answers of token endpoints (RFC 6749)."""

from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from ambassador_server.errors import TokenRequestError
from ambassador_server.web.bodies import json_response, read_body

_MAX_BYTES: Final = 32 * 1024
_MOST_PARAMETERS: Final = 20
_FORM: Final = "application/x-www-form-urlencoded"
_STATUS: Final = {"invalid_client": 401, "temporarily_unavailable": 503}


async def read_form(request: web.Request) -> dict[str, str]:
    """Read a form that has each parameter once. Raises TokenRequestError."""
    if request.content_type != _FORM or request.query_string:
        raise TokenRequestError("invalid_request", f"The parameters must be in a body of {_FORM}.")
    body = await read_body(request, limit=_MAX_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict"
        )
    except ValueError:
        raise TokenRequestError("invalid_request", "The body is no form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRequestError("invalid_request", "A parameter is given twice.")
    return form


def refusal(error: TokenRequestError) -> web.Response:
    """Return an error of OAuth."""
    response = unstored(
        {"error": error.code, "error_description": error.message}, _STATUS.get(error.code, 400)
    )
    if response.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="mcp-ambassador"'
    return response


def unstored(document: dict[str, Any], status: int = 200) -> web.Response:
    """Return a document that nothing on the way may keep."""
    response = json_response(document, status=status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
