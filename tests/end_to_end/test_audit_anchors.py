"""A log that lost records which the database knows is named wherever an operator looks, until the loss is accepted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.world import World, running, until
from tests.rig import Rig
from tests.server.audit_log.samples import rechained


def cut_off_at_an_earlier_checkpoint(log: Path, _: Path) -> None:
    """Cut the log off after the second signed checkpoint from its end, so that every chain stays whole."""
    last = sorted(log.glob("*.jsonl"))[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines, 1) if line.startswith(b'{"checkpoint"')]
    last.write_bytes(b"".join(lines[: ends[-2]]))


def delete_the_writer(log: Path, _: Path) -> None:
    shutil.rmtree(log)


def put_an_older_copy_in_its_place(log: Path, older: Path) -> None:
    shutil.rmtree(log)
    shutil.copytree(older, log)


@pytest.mark.parametrize(
    ("attack", "kind"),
    [
        (cut_off_at_an_earlier_checkpoint, "ends_before"),
        (delete_the_writer, "writer_missing"),
        (put_an_older_copy_in_its_place, "ends_before"),
    ],
)
def test_loss_is_named_until_it_is_accepted(
    tmp_path: Path, prepared: Rig, attack: Callable[[Path, Path], None], kind: str
) -> None:
    with running(tmp_path, prepared) as world:
        rig, log, older = world.rig, world.rig.data_dir / "audit" / "main", tmp_path / "older"
        assert rig.stop() == 0
        shutil.copytree(log, older)
        world.start()
        assert rig.stop() == 0
        assert checked(rig, expect=0)["audit anchors"]["ok"]
        attack(log, older)
        assert rig_says(rig, kind)
        for _ in range(2):
            world.start()
            assert world.http.get("/ready").status_code == 503
            assert not world.http.get("/ready").json()["checks"][f"audit_anchor_{kind}"]
            fault = verified(world)["fault"]
            assert "checkpoint" in fault["place"]
            until(lambda: world.events(action="system:audit-log:anomaly"), "the loss is an event")
            assert world.events(action="system:audit-log:anomaly")[0]["details"]["loss"] == kind
            assert rig.stop() == 0
            # The second start finds a log that has gone on, which must not excuse it.
            kind = checked_kind(rig)
        world.start()
        accept = ("audit", "accept-loss", "main", "--data-dir", str(rig.data_dir))
        rig.run("ambassador-server", *accept)
        # The index may have records of the lost part.
        rig.run("ambassador-server", "audit", "reindex", "--data-dir", str(rig.data_dir))
        until(lambda: world.http.get("/ready").status_code == 200, "the server is ready again")
        assert verified(world)["ok"]
        rig.run("ambassador-server", *accept, expect=1)
        assert rig.stop() == 0
        assert checked(rig, expect=0)["audit anchors"]["ok"]
        world.start()
        assert world.http.get("/ready").status_code == 200


def checked(rig: Rig, *, expect: int) -> dict[str, dict[str, object]]:
    """Return what `ambassador-server check` says."""
    words = ("check", "--data-dir", str(rig.data_dir), "--json")
    found: dict[str, dict[str, object]] = json.loads(
        rig.run("ambassador-server", *words, expect=expect).stdout
    )
    return found


def rig_says(rig: Rig, kind: str) -> bool:
    """Tell whether `check` fails with the sentence of this loss."""
    return checked_kind(rig) == kind


def checked_kind(rig: Rig) -> str:
    """Return the kind of the loss that `check` names."""
    said = checked(rig, expect=1)["audit anchors"]
    assert not said["ok"]
    words = {"no directory": "writer_missing", "ends before": "ends_before", "another line": "differs"}
    [kind] = [kind for part, kind in words.items() if part in str(said["detail"])]
    return kind


def verified(world: World) -> dict[str, object]:
    """Return what the server's own verification finds about its log."""
    answer = world.admin.get("/v1/admin/audit/verify").json()
    [found] = [each for each in answer["items"] if each["writer"] == "main"]
    return dict(found)


def test_more_unsigned_records_than_a_killed_server_leaves_are_an_event(
    tmp_path: Path, prepared: Rig
) -> None:
    with running(tmp_path, prepared, audit={"checkpoint_records": 5}) as world:
        for _ in range(20):
            world.ask("POST", "groups", {"name": world.fresh("group")})
        assert world.rig.stop() == 0
        last = sorted((world.rig.data_dir / "audit" / "main").glob("*.jsonl"))[-1]
        kept = [
            line
            for line in last.read_bytes().splitlines(keepends=True)
            if not line.startswith(b'{"checkpoint"')
        ]
        last.write_bytes(rechained(b"".join(kept)))
        world.start()
        until(lambda: world.events(action="system:audit-log:anomaly"), "it is an event")
        said = {event["details"]["loss"] for event in world.events(action="system:audit-log:anomaly")}
        assert "too_many_adopted" in said
