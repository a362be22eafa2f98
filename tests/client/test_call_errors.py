"""The exit code of a call that the server answers with an error."""

import pytest

from ambassador_client.cli.server_client import CallError
from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.policy.decision import UNKNOWN, Reason


@pytest.mark.parametrize("reason", UNKNOWN.values())
def test_what_does_not_exist_is_not_found(reason: Reason):
    error = CallError({"code": Code.INVALID_PARAMS, "message": "Unknown", "data": {"reason": reason.value}})
    assert (error.is_unknown, error.exit_code) == (True, 5)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        ({"code": Code.INVALID_PARAMS, "message": "wrong"}, 2),
        ({"code": Code.DENIED, "message": "no", "data": {"reason": "kill_switch"}}, 4),
        ({"code": Code.OVERLOADED, "message": "busy", "data": ["unknown_tool"]}, 7),
        ({"code": "x", "message": "odd", "data": {"reason": ["unknown_tool"]}}, 1),
    ],
)
def test_every_other_error_has_the_exit_code_of_its_number(error: dict[str, object], exit_code: int):
    assert (CallError(error).is_unknown, CallError(error).exit_code) == (False, exit_code)
