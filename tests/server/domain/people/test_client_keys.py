"""The keys that replaced each other, and how many of them can be used at a time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ambassador_server.domain.people.client_keys import (
    MAX_KEYS_OF_LINE,
    MAX_KEYS_OF_USER,
    ClientKey,
    KeyStatus,
    check_length_of_line,
    check_number_of_keys,
    replacements,
)
from ambassador_server.errors import ConflictError
from tests.server.worlds import KEY

NOW = KEY.created_at + timedelta(days=1)


def line(length: int, **changes: object) -> list[ClientKey]:
    """Return keys of which each replaced the one before."""
    keys = [replace(KEY, key_id="k0")]
    for number in range(1, length):
        created = KEY.created_at + timedelta(seconds=number)
        keys.append(
            replace(KEY, key_id=f"k{number}", replaces=f"k{number - 1}", created_at=created, **changes)
        )
    return keys


def test_replacements_are_found_through_each_other_and_no_other_key():
    keys = [*line(4), replace(KEY, key_id="other")]
    assert [key.key_id for key in replacements("k1", keys[::-1])] == ["k2", "k3"]
    assert replacements("other", keys) == []
    set_back = [replace(key, created_at=KEY.created_at - timedelta(hours=n)) for n, key in enumerate(keys)]
    assert [key.key_id for key in replacements("k0", set_back)] == ["k1", "k2", "k3"]


def test_a_line_is_full_when_enough_of_its_keys_can_be_used():
    keys = line(MAX_KEYS_OF_LINE)
    with pytest.raises(ConflictError):
        check_length_of_line(keys[-1], keys, NOW)
    check_length_of_line(keys[-2], keys, NOW)
    for dead in ({"status": KeyStatus.REVOKED}, {"expires_at": NOW}):
        keys = line(3 * MAX_KEYS_OF_LINE, **dead)
        check_length_of_line(keys[-1], keys, NOW)


def test_a_user_may_have_only_so_many_keys_that_can_be_used():
    keys = [
        replace(KEY, key_id=f"k{number}", status=KeyStatus.SUSPENDED) for number in range(MAX_KEYS_OF_USER)
    ]
    with pytest.raises(ConflictError):
        check_number_of_keys(keys, NOW)
    check_number_of_keys([*keys[1:], replace(keys[0], status=KeyStatus.REVOKED)], NOW)
