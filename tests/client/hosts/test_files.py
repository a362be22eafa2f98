"""Unusable host files: each is refused with a reason and left unchanged."""

import os
from pathlib import Path

import pytest

from ambassador_client.errors import ChangedMeanwhileError, ClientError, HostFileError
from ambassador_client.hosts.installing.host_file import MAX_BYTES, read_host_file, replace_host_file
from ambassador_client.hosts.installing.registry import host_named
from tests.client.hosts.goldens import LAUNCH, installer, machine

CURSOR = host_named("cursor")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = CURSOR.file(machine(tmp_path))
    path.parent.mkdir()
    return path


def _directory(file: Path) -> None:
    file.mkdir()


def _dangling(file: Path) -> None:
    file.symlink_to(file.parent / "nowhere")


def _loop(file: Path) -> None:
    file.symlink_to(file)


def _pipe(file: Path) -> None:
    os.mkfifo(file)


def _read_only(file: Path) -> None:
    file.write_text("{}")
    file.chmod(0o444)


def _huge(file: Path) -> None:
    file.touch()
    os.truncate(file, MAX_BYTES + 1)


def _malformed(file: Path) -> None:
    file.write_text('{\n"a": }')


def _wide(file: Path) -> None:
    file.write_bytes("{}".encode("utf-16"))


def _other_kind(file: Path) -> None:
    file.write_text('{"mcpServers": []}')


def _file_of_another_user(file: Path) -> None:
    file.write_text("{}")
    os.chown(file, 12345, 12345)


def _directory_of_another_user(file: Path) -> None:
    os.chown(file.parent, 12345, 12345)


def _parent_is_a_file(file: Path) -> None:
    file.parent.rmdir()
    file.parent.write_text("")


_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_directory, "is a directory"),
        (_dangling, "is a broken link"),
        (_loop, ""),
        (_pipe, "not a regular file"),
        (_read_only, "is read-only"),
        (_huge, "larger than 8 MB"),
        (_malformed, "line 2: a value is expected"),
        (_wide, "is not UTF-8 text"),
        (_other_kind, "mcpServers is not an object"),
        (_parent_is_a_file, ""),
        pytest.param(_file_of_another_user, "belongs to another user", marks=_ROOT),
        pytest.param(_directory_of_another_user, "belongs to another user", marks=_ROOT),
    ],
)
def test_unusable_files_are_refused_with_a_reason(spoil, words: str, file: Path, tmp_path: Path):
    spoil(file)
    with pytest.raises(HostFileError) as caught:
        installer(tmp_path).plan_install(CURSOR, LAUNCH)
    assert words in caught.value.cause
    assert not (tmp_path / "state").exists()


def test_a_link_stays_a_link_and_its_target_changes(file: Path, tmp_path: Path):
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    real.chmod(0o604)
    file.symlink_to("../dotfiles.json")
    changes = installer(tmp_path)
    changes.make(changes.plan_install(CURSOR, LAUNCH))
    assert file.is_symlink()
    assert "ambassador" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o604
    back = changes.plan_undo(CURSOR)
    assert back is not None
    changes.undo(back)
    assert (file.is_symlink(), real.read_text()) == (True, "{}")


@pytest.mark.parametrize("start", ["{}", None])
def test_a_concurrent_change_is_not_overwritten(start: str | None, file: Path, tmp_path: Path):
    if start is not None:
        file.write_text(start)
    changes = installer(tmp_path)
    plan = changes.plan_install(CURSOR, LAUNCH)
    file.write_text('{"other": 1}')
    with pytest.raises(ChangedMeanwhileError):
        changes.make(plan)
    assert file.read_text() == '{"other": 1}'
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert changes.plan_undo(CURSOR) is None


def test_an_undeletable_old_backup_does_not_stop_a_change(file: Path, tmp_path: Path):
    file.write_text("{}")
    changes = installer(tmp_path)
    changes.make(changes.plan_install(CURSOR, LAUNCH))
    back = changes.plan_undo(CURSOR)
    assert back is not None
    (copy,) = (tmp_path / "state").glob("cursor-*")
    copy.unlink()
    copy.mkdir()
    changes.undo(back)
    assert file.read_text() == "{}"
    assert changes.plan_undo(CURSOR) is None


def test_byte_order_mark_and_line_ends_are_kept(file: Path, tmp_path: Path):
    file.write_bytes(b'\xef\xbb\xbf{\r\n\t"a": 1\r\n}\r\n')
    changes = installer(tmp_path)
    changes.make(changes.plan_install(CURSOR, LAUNCH))
    content = file.read_bytes()
    assert content.startswith(b'\xef\xbb\xbf{\r\n\t"a": 1,\r\n\t"mcpServers"')
    assert content.count(b"\n") == content.count(b"\r\n")
    changes.make(changes.plan_uninstall(CURSOR))
    assert file.read_bytes() == b'\xef\xbb\xbf{\r\n\t"a": 1\r\n}\r\n'


def test_only_the_owner_can_read_a_new_file(file: Path, tmp_path: Path):
    changes = installer(tmp_path)
    changes.make(changes.plan_install(CURSOR, LAUNCH))
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_changes_nothing(tmp_path: Path):
    target = tmp_path / "file"
    target.write_text("old")
    found = read_host_file(target)
    target.unlink()
    target.mkdir()
    with pytest.raises(ClientError):
        replace_host_file(found, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
