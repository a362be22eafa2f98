"""Whatever params a host writes, every reader reads the capability and the arguments that were decided on."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_client.proxy.message import Message
from ambassador_server.crypto.sealing import AesGcmSealer
from ambassador_server.mcp.caller import Caller
from ambassador_server.mcp.envelope import EnvelopeError, Request, read_message
from ambassador_server.mcp.methods.dispatch import build_methods
from ambassador_server.meta_tools.answers import MetaTools
from tests.properties.test_tool_search import search_of
from tests.server.services.world import ORIGIN, World
from tests.server.worlds import PRINCIPAL

Pairs = list[tuple[str, Any]]
NAMED = ["name", "Name", "NAME", "name\0", "n_ame", "\uff4eame", "uri", "Uri", "x", "X"]
HELD = ["arguments", "Arguments", "ARGUMENTS", "_arguments", "requestState", "request_state", "RequestState"]
SPELLINGS = st.sampled_from([*NAMED, *HELD, "_meta", "meta", "_META"])
META_SPELLINGS = st.sampled_from(["progressToken", "ProgressToken", "progress_token", "x"])
NAMES = st.sampled_from(["git__log", "push", "git__push", "evil"])
SPACE = st.sampled_from(["", " "])


@st.composite
def written(draw: st.DrawFn) -> str:
    """Return params as JSON, with names in several spellings and more than once."""
    space = draw(SPACE)
    members = [("name", '"git__log"'), ("arguments", '{"a":1}')]
    for name in draw(st.lists(SPELLINGS, max_size=3)):
        match name.strip("_").casefold():
            case "meta":
                token = json.dumps(draw(META_SPELLINGS))
                members.append(
                    (name, f"{{{token}:9,{token}:8}}" if draw(st.booleans()) else f"{{{token}:9}}")
                )
            case "arguments":
                members.append((name, draw(st.sampled_from(['{"a":1}', '{"a":2}']))))
            case _:
                members.append((name, json.dumps(draw(NAMES))))
    order = draw(st.permutations(members))
    texts = [f"{json.dumps(name, ensure_ascii=draw(st.booleans()))}:{space}{value}" for name, value in order]
    return f"{{{f',{space}'.join(texts)}}}"


def exactly(name: str) -> str:
    return name


def carelessly(name: str) -> str:
    return name.partition("\0")[0].casefold().replace("_", "")


def readings(params: bytes, wanted: str) -> list[Any]:
    """Return what each kind of reader takes for a member."""
    pairs: Pairs = json.loads(params, object_pairs_hook=list)
    kinds: list[Callable[[str], str]] = [exactly, carelessly, str.lower, str.casefold]
    found = []
    for spell in kinds:
        values = [value for name, value in pairs if spell(name) == spell(wanted)]
        found += [values[0], values[-1]] if values else [None]
    return found


@given(written())
@example('{"name":"git__log","Name":"evil","arguments":{"a":1}}')
@example('{"name":"evil","name":"git__log","arguments":{"a":1}}')
@example('{"name":"git__log","arguments":{"a":1},"request_state":"x"}')
@example('{"name":"git__log","arguments":{"a":1},"_meta":{"progress_token":9}}')
def test_every_reader_reads_what_was_decided_or_the_call_is_refused(params: str) -> None:
    message = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}'.encode()
    sent = asyncio.run(_sent(message))
    if sent is None:
        return
    assert Message.parse(message).params["name"] == "git__log", "the client repeats it in a header"
    assert set(readings(sent, "name")) == {"log"}
    assert set(readings(params.encode(), "name")) == {"git__log"}
    for text in (sent, params.encode()):
        assert all(dict(found) == {"a": 1} for found in readings(text, "arguments"))
    assert readings(sent, "requestState") == [None] * 4
    for meta in readings(sent, "_meta"):
        assert meta is None or all(carelessly(name) != "progresstoken" for name, _ in meta)


async def _sent(body: bytes) -> bytes | None:
    """Return what the downstream gets of a call; None if the call is refused."""
    world = await World.build()
    sealer, meta = AesGcmSealer({1: b"k" * 32}), MetaTools(search_of(world))
    methods = build_methods(world.catalog, world.calls, meta, sealer, world.clock)
    caller = Caller(
        principal=PRINCIPAL, origin=ORIGIN, capabilities=b"{}", tell=None, ask=None, is_modern=False
    )
    try:
        message = read_message(body)
        assert isinstance(message, Request)
        await methods.tools.call(message, caller)
    except EnvelopeError:
        return None
    calls = world.downstreams.calls
    return calls[0].params if calls else None
