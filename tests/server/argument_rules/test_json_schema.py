"""Constraints of grants: which are accepted, and which arguments they permit."""

import json
from typing import Any

import pytest

from ambassador_server.argument_rules.json_schema import JsonSchemaRules
from ambassador_server.domain.policy.argument_checks import ArgumentFault, RefusedArgument
from ambassador_server.errors import InvalidInputError

RULES = JsonSchemaRules()
REPO = {"repo": {"type": "string", "pattern": "^acme/"}}


def refused(constraints: dict[str, Any], arguments: str, **params: bytes) -> RefusedArgument | None:
    text = RULES.canonical(constraints)
    assert text is not None
    return RULES.compiled(text)({"arguments": arguments.encode(errors="surrogatepass"), **params})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^acme/"}, "acme/x"),
        ({"maximum": 10}, 10),
        ({"maximum": 10}, 1.5),
        ({"enum": ["a", 1, None]}, None),
        ({"const": {"a": [1]}}, {"a": [1]}),
        ({"const": {"$ref": "http://127.0.0.1:1/x"}}, {"$ref": "http://127.0.0.1:1/x"}),
        ({"items": {"pattern": "^a"}, "maxItems": 2}, ["a", "ab"]),
        ({"properties": {"owner": {"const": "acme"}}, "required": ["owner"]}, {"owner": "acme", "x": 1}),
        ({"not": {"pattern": "secret"}, "type": "string"}, "open"),
        ({"anyOf": [{"pattern": "^a"}, {"minimum": 5}]}, 7),
        ({"pattern": "^a", "optional": True}, "a"),
        ({"type": ["string", "null"], "maxLength": 3}, None),
    ],
)
def test_what_meets_a_schema_is_permitted(schema: dict[str, Any], value: Any) -> None:
    assert refused({"x": schema}, json.dumps({"x": value, "other": "anything"})) is None


@pytest.mark.parametrize(
    ("schema", "value", "rule"),
    [
        ({"pattern": "^acme/"}, "evil/x", 'pattern "^acme/"'),
        ({"pattern": "^acme/"}, ["acme/x"], 'type ["string"]'),
        ({"pattern": "^acme/"}, None, 'type ["string"]'),
        ({"pattern": "^a$"}, "a\n", 'pattern "^a$"'),
        ({"maximum": 10}, 11, "maximum 10"),
        ({"maximum": 10}, "1", 'type ["number"]'),
        ({"maximum": 10}, True, 'type ["number"]'),
        ({"enum": [1]}, True, "enum [1]"),
        ({"items": {"maximum": 3}}, [1, 5], "items/maximum 3"),
        ({"items": {"pattern": "^a"}}, [["a"]], 'items/type ["string"]'),
        ({"properties": {"owner": {"pattern": "^a"}}}, {"owner": 1}, 'properties/owner/type ["string"]'),
        ({"anyOf": [{"pattern": "^a"}, {"pattern": "^b"}]}, 7, "anyOf"),
        ({"not": {"pattern": "secret"}}, 7, 'not {"pattern": "secret"}'),
    ],
)
def test_what_breaks_a_schema_is_refused_by_the_rule_it_breaks(
    schema: dict[str, Any], value: Any, rule: str
) -> None:
    found = refused({"x": schema}, json.dumps({"x": value}))
    assert found is not None
    assert (found.fault, found.name) == (ArgumentFault.AGAINST_RULE, "x")
    assert (found.rule or "").startswith(rule)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("{}", ArgumentFault.MISSING),
        ('{"repo":"acme/x","repo":"evil/y"}', ArgumentFault.AMBIGUOUS),
        ('{"repo":"evil/y","repo":"acme/x"}', ArgumentFault.AMBIGUOUS),
        ('{"repo":"acme/x","re\\u0070o":"evil/y"}', ArgumentFault.AMBIGUOUS),
        ('{"repo":"acme/x","REPO":"evil/y"}', ArgumentFault.AMBIGUOUS),
        ('{"REPO":"acme/y"}', ArgumentFault.AMBIGUOUS),
        ('{"repo":"acme/\\ud800"}', ArgumentFault.UNREADABLE),
        ('{"repo":"acme/x","z":NaN}', ArgumentFault.UNREADABLE),
        ('["repo"]', ArgumentFault.UNREADABLE),
        ("null", ArgumentFault.UNREADABLE),
        ("", ArgumentFault.UNREADABLE),
        ('{"repo":"acme/x"} {}', ArgumentFault.UNREADABLE),
        ('\ufeff{"repo":"acme/x"}', ArgumentFault.UNREADABLE),
        ('{"repo":"acme/' + "x" * 70_000 + '"}', ArgumentFault.TOO_LARGE),
        ('{"repo":"' + "x" * 300_000 + '"}', ArgumentFault.TOO_LARGE),
        ('{"repo":' + "[" * 100_000 + "]" * 100_000 + "}", ArgumentFault.UNREADABLE),
    ],
)
def test_what_cannot_be_read_in_one_way_is_refused(arguments: str, fault: ArgumentFault) -> None:
    found = refused(REPO, arguments)
    assert found is not None
    assert found.fault is fault


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    check = RULES.compiled(RULES.canonical(REPO) or "")
    found = check({"arguments": b'{"repo":"acme/x","other":"\xff"}'})
    assert found == RefusedArgument(ArgumentFault.UNREADABLE)


@pytest.mark.parametrize(
    "number",
    ["9007199254740993", "1e400", "-1e400", "10.0000000000000000001", "1e99999999999999999999", "1" * 5000],
)
def test_numbers_that_readers_round_differently_are_refused(number: str) -> None:
    found = refused({"n": {"type": "number"}}, f'{{"n":{number}}}')
    assert found == RefusedArgument(ArgumentFault.INEXACT, "n")


@pytest.mark.parametrize("number", ["0.1", "-0", "1e3", "1E+3", "9007199254740991", "1.50", "1e23", "5e-324"])
def test_numbers_that_every_reader_reads_alike_are_permitted(number: str) -> None:
    assert refused({"n": {"type": "number"}}, f'{{"n":{number}}}') is None


def test_names_within_an_argument_are_unique_too() -> None:
    rule = {"filter": {"properties": {"owner": {"const": "acme"}}, "type": "object"}}
    for inner in ('{"owner":"acme","owner":"evil"}', '{"owner":"acme","Owner":"evil"}'):
        assert refused(rule, f'{{"filter":{inner}}}') == RefusedArgument(ArgumentFault.AMBIGUOUS, "filter")
    assert refused(rule, '{"filter":{"owner":"acme"},"free":{"a":1,"a":2}}') is None


def test_an_optional_argument_may_be_missing_and_a_forbidden_one_must_be() -> None:
    rules = {"n": {"maximum": 3, "optional": True}, "force": False}
    assert refused(rules, "{}") is None
    assert refused(rules, '{"n":3}') is None
    assert refused(rules, '{"n":4}') == RefusedArgument(ArgumentFault.AGAINST_RULE, "n", "maximum 3")
    assert refused(rules, '{"force":false}') == RefusedArgument(ArgumentFault.FORBIDDEN, "force")
    assert RULES.compiled(RULES.canonical({"force": False}) or "")({}) is None


def test_a_pattern_takes_time_in_proportion_to_the_text() -> None:
    assert refused({"x": {"pattern": "^(a+)+$"}}, json.dumps({"x": "a" * 60_000 + "b"})) is not None


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ({"x": {"$ref": "http://127.0.0.1:1/x"}}, "references are not followed"),
        ({"x": {"items": {"$ref": "#"}}}, "constraints.x.items.$ref"),
        ({"x": {"patern": "a"}}, "near: 'pattern'"),
        ({"x": {"format": "email"}}, "no keyword that is checked"),
        ({"x": {"unevaluatedProperties": False}}, "no keyword that is checked"),
        ({"x": {"pattern": "^(?=a)"}}, "look-around"),
        ({"x": {"pattern": "("}}, "no pattern that can be checked"),
        ({"x": {"pattern": "(?:a{1000}){1000}"}}, "no pattern that can be checked"),
        ({"x": {"patternProperties": {"(": {}}}}, "no pattern that can be checked"),
        ({"x": {"patternProperties": 3}}, "must be an object of schemas"),
        ({"x": {"maximum": "10"}}, "constraints.x.maximum"),
        ({"x": {"type": "strng"}}, "constraints.x.type"),
        ({"x": {"enum": "a"}}, "constraints.x.enum"),
        ({"x": {"anyOf": {}}}, "must be a list of schemas"),
        ({"x": {"not": 3}}, "must be a schema"),
        ({"x": {"items": {"optional": True}}}, "beside the other keywords of an argument"),
        ({"x": {"optional": "yes", "minimum": 1}}, "must be true or false"),
        ({"x": {"title": "nothing"}}, "no keyword that demands anything"),
        ({"x": {}}, "must be a JSON Schema"),
        ({"x": True}, "must be a JSON Schema"),
        ({"x": "acme/*"}, "must be a JSON Schema"),
        ({"": {"minimum": 1}}, "a name of 1 to 128"),
        ({"a\x1b[31m": {"minimum": 1}}, "printable"),
        ({f"a{n}": {"minimum": 1} for n in range(51)}, "at most 50 arguments"),
        ({"x": {"enum": ["a" * 20_000]}}, "are more than 16384"),
        ({"x": {"anyOf": [{"pattern": "a"}] * 51}}, "at most 50 patterns"),
        ({"x": {"const": "\ud800"}}, "no JSON"),
        ({"x": {"const": float("nan")}}, "no JSON"),
    ],
)
def test_constraints_that_cannot_work_are_refused_when_they_are_written(
    constraints: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInputError) as found:
        RULES.canonical(constraints)
    assert words in found.value.message
    assert "\x1b" not in found.value.message


def test_schemas_are_at_most_ten_deep() -> None:
    schema: dict[str, Any] = {"minimum": 1}
    for _ in range(9):
        schema = {"items": schema}
    assert RULES.canonical({"x": schema})
    with pytest.raises(InvalidInputError, match="10 deep"):
        RULES.canonical({"x": {"items": schema}})


@pytest.mark.parametrize(
    "stored", ["{", "[]", '{"x":{"pattern":"("}}', '{"x":3}', '{"x":{"$ref":"http://[/"}}']
)
def test_stored_constraints_that_cannot_be_read_permit_nothing(stored: str) -> None:
    found = RULES.compiled(stored)({"arguments": b'{"x":1}'})
    assert found == RefusedArgument(ArgumentFault.RULE_UNUSABLE)


def test_no_constraints_are_stored_as_none_and_equal_ones_are_compiled_once() -> None:
    assert RULES.canonical({}) is None
    text = RULES.canonical({"b": {"minimum": 1}, "a": {"minimum": 1}})
    assert text == RULES.canonical({"a": {"minimum": 1}, "b": {"minimum": 1}})
    assert RULES.compiled(text or "") is RULES.compiled(text or "")
