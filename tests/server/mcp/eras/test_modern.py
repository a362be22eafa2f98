"""Results get the members of the modern era without any other change."""

import json

import pytest

from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.mcp.eras.modern import _shaped
from ambassador_server.ports.exchange import Reply

LARGE_RESULT = b'{"resultType":null,"x":[' + b",".join([b"0"] * LARGE) + b"]}"


@pytest.mark.parametrize(
    ("result", "members"),
    [
        (b"{}", {"resultType": "complete"}),
        (b" { } ", {"resultType": "complete"}),
        (b'{"a":1,"b":{"resultType":"x"}}', {"a": 1, "b": {"resultType": "x"}, "resultType": "complete"}),
        (b'{"resultType":null}', {"resultType": "complete"}),
        (b'{"resultType":"input_required","a":1}', {"resultType": "input_required", "a": 1}),
        (b'{"resultType":5}', {"resultType": "complete"}),
        (LARGE_RESULT, {"x": [0] * LARGE, "resultType": "complete"}),
    ],
)
def test_a_result_without_a_kind_is_complete(result: bytes, members: dict[str, object]):
    response = json.loads(_shaped(b"1", Reply(result=result, error=None)))
    assert response == {"jsonrpc": "2.0", "id": 1, "result": members}
