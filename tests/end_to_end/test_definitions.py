"""A definition that cannot be used costs one tool; an answer that is nested too deep costs one call."""

import json
import sys
from pathlib import Path

import pytest

from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.world import World, assert_nothing_internal

DEEP = 100_000
SERVER = """
import json, sys
deep = "[" * {deep} + "]" * {deep}
good = json.dumps({{"name": "good", "inputSchema": {{"type": "object"}}}})
bad = '{{"name":"bad","inputSchema":{{"type":"object","default":%s}}}}' % deep
half = '{{"name":"half","description":"half a character: \\\\ud800","inputSchema":{{"type":"object"}}}}'
large = json.dumps({{"name": "large", "description": "x" * 2_000_000, "inputSchema": {{"type": "object"}}}})
also = json.dumps({{"name": "deep_answer", "inputSchema": {{"type": "object"}}}})
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    method = message["method"]
    if method == "initialize":
        result = json.dumps({{
            "protocolVersion": "2025-11-25", "capabilities": {{"tools": {{}}}},
            "serverInfo": {{"name": "s", "version": "1"}},
        }})
    elif method == "tools/list":
        result = '{{"tools":[%s]}}' % ",".join([bad, half, good, '{{"name":5}}', '"text"', large, also])
    elif method == "tools/call" and message["params"]["name"] == "deep_answer":
        result = '{{"content":[],"structuredContent":{{"x":%s}}}}' % deep
    elif method == "tools/call":
        result = '{{"content":[{{"type":"text","text":"hello"}}]}}'
    else:
        result = None
    body = '"result":' + result if result else '"error":{{"code":-32601,"message":"Method not found"}}'
    print('{{"jsonrpc":"2.0","id":%d,%s}}' % (message["id"], body), flush=True)
"""


@pytest.fixture(scope="module")
def odd(world: World, directory: Path) -> World:
    """Publish an MCP with three usable definitions among bad ones."""
    script = directory / "odd.py"
    script.write_text(SERVER.format(deep=DEEP))
    world.publish("odd", "stdio", {"command": [sys.executable, str(script)]})
    return world


def test_other_tools_stay(odd: World) -> None:
    caller = odd.caller()
    for face in FACES:
        assert {name for name in caller.names(face) if "odd" in name} == {
            "odd__good",
            "odd__half",
            "odd__deep_answer",
        }
        assert caller.call(face, "odd__good").succeeded
    log = odd.log_text()
    assert "odd: the tool 'bad' is left out: its definition is nested deeper than 500 levels" in log
    assert "odd: the tool 'large' is left out: its definition is larger than 1048576 bytes" in log
    assert "odd: the tool '' is left out: it has no name" in log


def test_administrators_see_what_is_left_out(odd: World) -> None:
    entry = odd.ask("GET", "mcps/odd")
    assert (entry["tools"], entry["tools_left_out"]) == (3, len(entry["left_out"]))
    for verb in ("show", "tools"):
        done = odd.rig.admin("mcp", verb, "odd")
        assert "the tool 'bad' is left out: its definition is nested deeper than 500 levels" in done.stderr
        assert "a tool without a name is left out: it has no name" in done.stderr


def test_answer_that_is_nested_too_deep_costs_one_call(odd: World) -> None:
    caller = odd.caller()
    for face in FACES:
        answer = caller.call(face, "odd__deep_answer")
        assert answer.failed
        assert "nested deeper than 500 levels" in answer.text
        assert_nothing_internal(json.dumps(answer.body))
        assert caller.call(face, "odd__good").succeeded


def test_request_is_bounded_by_the_same_number(odd: World) -> None:
    caller = odd.caller()
    for levels, works in ((490, True), (500, False)):
        text = json.loads("[" * levels + "]" * levels)
        answer = caller.call(LEGACY, "odd__good", {"x": text})
        assert answer.succeeded is works, answer
