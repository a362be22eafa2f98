"""What options say of an issuer is all in the change, or the command is refused: nothing is left out silently."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ambassador_admin.cli.issuer_options import Claims, Hosts, Keys, Trust, fields_given
from ambassador_admin.errors import UsageError
from ambassador_protocol.admin.issuers import IssuerChange
from tests.effort import examples

TEXT = st.sampled_from([None, None, "", "https://one.example.com"])
LIST = st.sampled_from([None, None, [""], ["one", "two"]])
FLAG = st.sampled_from([None, None, True, False])
SPECIAL = {
    "introspection": st.booleans(),
    "group_map": st.sampled_from([None, [""], ["one=two"]]),
    "assertion_clients": st.sampled_from([None, [""], ["one=env://TWO"]]),
    "ca_file": st.sampled_from([None, None, None, Path("no-such-file")]),
    "gateway": st.sampled_from([None, None, None, "", "front"]),
}
LISTS = {"algorithms", "user_claims", "group_claims", "audiences", "scopes", "login_scopes"} | {
    "host_redirects",
    "host_scopes",
}
FLAGS = {"private_addresses", "create_users", "beside_key", "host_omits_resource"}


def options(kind: type[Any]) -> st.SearchStrategy[Any]:
    def values(name: str) -> st.SearchStrategy[Any]:
        return SPECIAL.get(name, LIST if name in LISTS else FLAG if name in FLAGS else TEXT)

    return st.builds(kind, **{each.name: values(each.name) for each in fields(kind)})


def said(name: str, value: Any, keys: Keys) -> Mapping[str, Any]:
    """Return what the body must have for an option."""
    asks = keys.introspection or keys.introspection_url
    of_secret = ("introspection", "client_secret") if asks else ("secret", "key_place")
    special: dict[str, Mapping[str, Any]] = {
        "create_users": {"creates_users": value},
        "gateway": {"url": f"gateway:{value}", "key_source": "gateway", "algorithms": []},
        "keys_url": {"key_source": "jwks", "key_place": value} if value else {"key_source": "discovery"},
        "introspection": {"key_source": "introspection"},
        "introspection_url": {"key_place": value},
        "secret": {"key_source": of_secret[0], of_secret[1]: value},
        "algorithms": {name: value},
    }
    if name in ("group_map", "assertion_clients"):
        return {name: {} if value == [""] else dict([value[0].split("=")])}
    return special.get(name) or {name: [] if value == [""] else value}


KINDS = (Trust, Keys, Claims, Hosts)
EACH = st.tuples(*map(options, KINDS))
SOURCES = st.tuples(st.just(Trust()), options(Keys), st.just(Claims()), st.just(Hosts()))


@examples(1000)
@given(st.one_of(EACH, SOURCES))
def test_each_option_of_a_change_is_in_it_or_the_command_is_refused(groups: Any) -> None:
    keys = groups[1]
    try:
        body = fields_given(*groups, changes=True)
    except UsageError:
        event("refused")
        return
    event("changed")
    IssuerChange(**body)
    given_options = {each.name: getattr(group, each.name) for group in groups for each in fields(group)}
    for name, value in given_options.items():
        if value is None or (name, value) == ("introspection", False):
            continue
        wanted = said(name, value, keys)
        assert {key: body.get(key) for key in wanted} == wanted, name


@pytest.mark.parametrize(
    "keys",
    [
        Keys(keys_url="https://x.example.com", client_id="mcp"),
        Keys(keys_url="", token_prefix="x"),
        Keys(keys_url="", secret="env://X"),
        Keys(secret=""),
        Keys(secret="", client_id="mcp"),
        Keys(introspection=True, client_id="mcp", secret="env://X", keys_url=""),
        Keys(introspection=True, client_id="mcp", secret="env://X", algorithms=[]),
    ],
    ids=str,
)
@pytest.mark.parametrize("changes", [False, True])
def test_options_that_contradict_each_other_are_refused(keys: Keys, changes: bool) -> None:
    with pytest.raises(UsageError):
        fields_given(Trust(), keys, Claims(), Hosts(), changes=changes)


def test_an_endpoint_goes_back_to_discovery() -> None:
    keys = Keys(introspection_url="", token_prefix="acme_")
    assert fields_given(Trust(), keys, Claims(), Hosts(), changes=True) == {
        "key_place": "",
        "token_prefix": "acme_",
    }
    with pytest.raises(UsageError):
        fields_given(Trust(), keys, Claims(), Hosts())


@pytest.mark.parametrize(
    "trust", [Trust(gateway="front", url=""), Trust(url="", ca_file=Path("no-such-file"))], ids=str
)
def test_an_issuer_is_named_once(trust: Trust) -> None:
    with pytest.raises(UsageError, match="exclude"):
        fields_given(trust, Keys(), Claims(), Hosts(), changes=True)
