"""The commands in the chapter on grants that expire, of `docs/guard-rails.md`, are run as they are written."""

from datetime import timedelta

from ambassador_server.services.administration.expired_grants import KEPT, MOST_AT_ONCE
from tests.documents.test_guard_rails import chapter, run
from tests.end_to_end.world import until
from tests.rig import BIN, Rig

TITLE = "Grants that expire"


def test_the_commands_about_grants_that_expire_work_as_written(rig: Rig) -> None:
    rig.admin("user", "create", "alice")
    rig.admin("group", "create", "contractors")
    rig.admin("group", "add-member", "contractors", "alice")
    rig.admin("key", "issue", "alice", "--name", "laptop")
    rig.admin("mcp", "add", "time", "--publish", "--", str(BIN / "mcp-server-time"))
    printed = run(rig, TITLE)
    assert "in 8h" in printed["grant list --filter group=contractors"]
    assert "until " in printed["access explain alice time.get_current_time"]
    for grant in rig.admin_json("grant", "list"):
        rig.admin("grant", "remove", grant["id"], "--yes")
    short = rig.admin_json("grant", "add", "contractors", "time", "--for", "1s")

    def explained() -> str:
        return rig.admin("access", "explain", "alice", "time.get_current_time").stdout

    until(lambda: f"Grant {short['id']} expired at" in explained(), "the explanation names the expired grant")
    assert "it has expired" in explained()
    assert "expired" in rig.admin("grant", "show", short["id"]).stdout
    who_can = ("access", "who-can", "time.get_current_time")
    assert rig.admin_json(*who_can) == []
    (former,) = rig.admin_json(*who_can, "--expired")
    assert (former["name"], former["expired_grant"], former["expired_at"]) == (
        "alice",
        short["id"],
        short["expires_at"],
    )


def test_how_long_an_expired_grant_is_kept_is_what_the_server_does() -> None:
    assert timedelta(days=30) == KEPT
    assert f"at\n  most {MOST_AT_ONCE} an hour" in chapter(TITLE)
