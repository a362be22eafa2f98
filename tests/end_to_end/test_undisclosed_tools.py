"""The answer about a tool that a caller may not know of is that about a tool that does not exist, byte for byte."""

import re
from collections.abc import Callable

import pytest

from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.world import Caller, World, assert_works

HIDDEN, ABSENT = "tools__echo", "tools__ecko"
_OF_EACH_ANSWER = re.compile(rb'"(request_id|timestamp)":"[^"]*"')


def _no_grant(world: World) -> Caller:
    return world.session(world.person(world.group()))


def _explicit_deny(world: World) -> Caller:
    group = world.group("tools")
    world.ask("POST", "grants", {"group": group, "mcp": "tools", "tools": ["echo"], "effect": "deny"})
    return world.session(world.person(group))


def _stopped_without_a_grant(world: World) -> Caller:
    person = world.person(world.group())
    caller = world.session(person)
    world.ask("POST", "kill-switches", {"scope": "user", "target": person.name, "reason": "incident 7"})
    return caller


def _answer(caller: Caller, face: Face, tool: str) -> tuple[int, dict[str, str], bytes]:
    response = caller.send(face.call(caller.secret, tool, {}))
    headers = {
        name: value for name, value in response.headers.items() if name not in {"date", "x-request-id"}
    }
    content = _OF_EACH_ANSWER.sub(b"", response.content.replace(tool.encode(), b"TOOL"))
    assert b"Unknown tool: TOOL" in content
    return response.status_code, headers, content


@pytest.mark.parametrize("face", FACES, ids=repr)
@pytest.mark.parametrize("made", [_no_grant, _explicit_deny, _stopped_without_a_grant])
def test_hidden_tool_answers_like_an_absent_one(
    world: World, face: Face, made: Callable[[World], Caller]
) -> None:
    assert_works(world.caller(), tool=HIDDEN)
    caller = made(world)
    assert _answer(caller, face, HIDDEN) == _answer(caller, face, ABSENT)
