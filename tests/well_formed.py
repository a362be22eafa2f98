"""What a host of each era can read as the answer to a tools/call, by the types of the SDK."""

from typing import Any

from mcp_types import methods
from pydantic import TypeAdapter

RESULTS = {
    False: TypeAdapter(methods.SERVER_RESULTS["tools/call", "2025-11-25"]),
    True: TypeAdapter(methods.SERVER_RESULTS["tools/call", "2026-07-28"]),
}


def assert_well_formed(body: dict[str, Any], *, host: bool) -> None:
    """Assert that a host, modern or not, can read the answer to its call with the id 7."""
    assert (body["jsonrpc"], body["id"]) == ("2.0", 7)
    assert ("result" in body) != ("error" in body)
    if "error" in body:
        assert type(body["error"]["code"]) is int
        assert isinstance(body["error"]["message"], str)
        return
    result = body["result"]
    assert ("resultType" in result) == host
    if result.get("resultType", "complete") in ("complete", "input_required"):
        RESULTS[host].validate_python(result)
