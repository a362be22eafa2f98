"""Whatever JSON a caller writes: a constraint sees the value that every reader sees, or the call is refused."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_server.argument_rules.json_schema import JsonSchemaRules
from ambassador_server.argument_rules.raw_arguments import ArgumentRule, ArgumentRules
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.services.calls.capability_call import Answered
from tests.effort import examples
from tests.server.services.world import World
from tests.server.worlds import GRANT

NUMBERS = st.sampled_from(
    ["0", "-0", "1", "1.0", "1e3", "0.1", "9007199254740993", "1e400", "10.00000000000000000001", "NaN", "01"]
) | st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,4})?", fullmatch=True)
WORDS = st.sampled_from(["true", "false", "null", "Infinity", "-Infinity", "undefined", "nul"])
RAW_TEXTS = st.sampled_from(
    [
        '"acme"',
        '"\\u0061cme"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\ud83d"',
        '"a\\u0000"',
        '"\n"',
        '"\\x"',
        '"\u212a"',
        "'acme'",
    ]
)
TEXTS = RAW_TEXTS | st.text(max_size=6).map(json.dumps) | st.text(max_size=6).map(lambda text: f'"{text}"')
NAMES = st.sampled_from(
    ['"repo"', '"REPO"', '"re\\u0070o"', '"\\u0072epo"', '"repo "', '"k"', '"\u212a"', '"other"', '""']
)
SPACE = st.sampled_from(["", "", " ", "\n", "\t", "\ufeff", "\x0b"])


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.lists(st.tuples(NAMES, SPACE, inner), max_size=4)
    return st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]") | members.map(written)


def written(members: list[tuple[str, str, str]]) -> str:
    return "{" + ",".join(f"{name}{space}:{value}{space}" for name, space, value in members) + "}"


VALUES = st.recursive(NUMBERS | WORDS | TEXTS, containers, max_leaves=6)
ARGUMENTS = st.lists(st.tuples(NAMES, SPACE, VALUES), max_size=4).map(written) | VALUES


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def of_any_case(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name.casefold(): value for name, value in pairs}


READERS: tuple[Callable[[str], Any], ...] = (
    json.loads,
    lambda text: json.loads(text, object_pairs_hook=first_wins),
    lambda text: json.loads(text, object_pairs_hook=of_any_case),
    lambda text: json.loads(text, parse_int=float),
    msgspec.json.decode,
)


def folded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.casefold(): folded(each) for name, each in value.items()}
    return [folded(each) for each in value] if isinstance(value, list) else value


@examples(400)
@given(ARGUMENTS)
@example('{"repo":[],"other":1E400}')
def test_the_value_that_is_checked_is_the_one_that_every_reader_reads(text: str) -> None:
    seen: list[Any] = []

    def look(value: Any) -> None:
        seen.append(value)

    raw = text.encode(errors="surrogatepass")
    if ArgumentRules({"repo": ArgumentRule(look, lambda value: look(value) is None)})({"arguments": raw}):
        return
    value = seen[-1]
    assert seen[:-1] in ([], [value])
    for read in READERS:
        try:
            read_value = read(raw.decode())["repo"]
        except msgspec.ValidationError:
            # This reader takes no number beyond the largest float, not even in an argument without a rule: it
            # refuses the whole text, so it reads no other value.
            assert read is msgspec.json.decode
            continue
        assert folded(read_value) == folded(value)


def is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 4


@examples(200)
@given(ARGUMENTS, st.sampled_from([("repo",), ("repo", "k"), ()]))
@example('{"repo":"ab","REPO":"ab"}', ("repo",))
@example('{"repo":"ab","repo":"abcdef"}', ("repo",))
@example('{"repo":"ab" ,"k":"ab"}', ("repo", "k"))
def test_short_plain_arguments_are_permitted_as_any_others(text: str, names: tuple[str, ...]) -> None:
    def broken_rule(value: Any) -> str | None:
        return None if is_short(value) else "long"

    raw = {"arguments": text.encode(errors="surrogatepass")}
    thorough = ArgumentRules({name: ArgumentRule(broken_rule) for name in names})
    quick = ArgumentRules({name: ArgumentRule(broken_rule, is_short) for name in names})
    assert quick(raw) == thorough(raw)


@examples(60)
@given(ARGUMENTS)
def test_a_refused_call_never_reaches_the_downstream_and_a_permitted_one_arrives_as_it_was(text: str) -> None:
    async def run() -> None:
        world = await World.build()
        rules = JsonSchemaRules()
        constraints = rules.canonical({"repo": {"const": "acme"}})
        async with world.store.write() as work:
            await work.grants.replace(replace(GRANT, constraints=constraints))
        await world.policy.refresh()
        raw = text.encode(errors="surrogatepass")
        answer = await world.call(arguments=raw)
        if isinstance(answer, Answered):
            (sent,) = world.downstreams.calls
            assert sent.params == b'{"name":"log","arguments":' + raw + b"}"
            assert json.loads(sent.params)["arguments"]["repo"] == "acme"
        else:
            assert isinstance(answer, Deny)
            assert answer.reason is Reason.ARGUMENT_NOT_ALLOWED
            assert not world.downstreams.calls
            (event,) = world.call_events()
            assert event.reason == "argument_not_allowed"

    asyncio.run(run())
