"""What two readers of an object may take for different members is found, and nothing else."""

import msgspec
import pytest
from msgspec import Raw

from ambassador_server.member_names import MemberNames, written_members

NAMES = MemberNames(("name", "taskId", "_meta"), usual=("cursor",))
_decoder = msgspec.json.Decoder(dict[str, Raw])


def fault(raw: bytes) -> str | None:
    return NAMES.fault(_decoder.decode(raw), raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"name":1}',
        b'{ "name" : 1 , "cursor": {"name":1,"Name":2} }',
        b'{"n\\u0061me":1,"taskId":2,"_meta":{}}',
        b'{"Cursor":1,"cursor":2}',
        b'{"names":1,"nam":2,"\xc3\xa9":3,"":4}',
    ],
)
def test_an_object_that_every_reader_reads_alike_is_clear(raw: bytes) -> None:
    assert fault(raw) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Name", "name"),
        ("NAME", "name"),
        ("name\\u0000x", "name"),
        ("\\uff4eame", "name"),
        ("task_id", "taskId"),
        ("TaskID", "taskId"),
        ("tas\\u212aId", "taskId"),
        ("meta", "_meta"),
        ("__META", "_meta"),
    ],
)
def test_another_spelling_is_named_with_what_it_is_read_as(name: str, meant: str) -> None:
    for raw in (f'{{"{name}":1}}', f'{{"{meant}":1,"{name}":2}}', f'{{"{name}":1, "cursor":2}}'):
        found = fault(raw.encode())
        assert found is not None
        assert found.endswith(f"which some programs read as '{meant}'")


@pytest.mark.parametrize("name", ["name", "cursor", "x", "X" * 100])
def test_a_name_that_is_given_twice_is_named(name: str) -> None:
    for raw in (
        f'{{"{name}":1,"{name}":1}}',
        f'{{"{name}":1, "b":{{}}, "\\u{ord(name[0]):04x}{name[1:]}":2}}',
    ):
        assert fault(raw.encode()) == f"has '{name[:50]}' more than once"


def test_written_members_are_all_returned() -> None:
    found = written_members(b'{"a":1,"b":{"a":2},"a":3}')
    assert [(name, bytes(raw)) for name, raw in found] == [("a", b"1"), ("b", b'{"a":2}'), ("a", b"3")]
