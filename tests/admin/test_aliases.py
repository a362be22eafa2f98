"""The other names of verbs, and `help NOUN VERB`."""

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.shell import Shell


@pytest.mark.parametrize(
    ("alias", "meant"),
    [
        ("user ls", "user list"),
        ("user ls --filter name=alice", "user list --filter name=alice"),
        ("user get", "user list"),
        ("user get -o json", "user list -o json"),
        ("user get alice", "user show alice"),
        ("grant get", "grant list"),
        ("user delete alice --dry-run", "user deactivate alice --dry-run"),
        ("group rm developers --dry-run", "group delete developers --dry-run"),
        ("group remove developers --dry-run", "group delete developers --dry-run"),
        ("mcp delete git --dry-run", "mcp remove git --dry-run"),
        ("key rm key-1 --dry-run", "key revoke key-1 --dry-run"),
        ("kill rm switch-1 --dry-run", "kill lift switch-1 --dry-run"),
        ("help user create", "user create --help"),
        ("help user", "user --help"),
        ("help user ls", "user list --help"),
        ("help", "--help"),
        ("help audit verify", "audit verify --help"),
    ],
)
def test_alias_does_what_the_command_does(shell: Shell, api: FakeApi, alias: str, meant: str) -> None:
    api.add_user("alice")
    api.add_group("developers", "alice")
    api.add_mcp("git", status="draft")
    api.add_key("key-1", user="alice", name="laptop")
    api.add_switch("switch-1", scope="user", target="alice", reason="x")
    done = shell.run(*alias.split())
    assert done.code == 0, done.err
    assert done == shell.run(*meant.split())


@pytest.mark.parametrize(
    "words", ["errors rm x", "audit delete x", "server get x", "help nonsense", "user rn"]
)
def test_alias_of_a_verb_that_a_noun_lacks_is_a_usage_error(shell: Shell, words: str) -> None:
    done = shell.run(*words.split())
    assert (done.code, done.err.startswith("error: AMB-1001 ")) == (2, True)


def test_topics_of_help_take_precedence_over_nouns(shell: Shell) -> None:
    assert "MCP_AMBASSADOR_ADMIN_URL" in shell.run("help", "environment").out
    assert shell.run("help", "--help").code == 0
