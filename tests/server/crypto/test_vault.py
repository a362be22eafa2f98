"""A sealed credential opens only unchanged, for its user, MCP and field, and with its own master key."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.crypto.vault import AesGcmVault
from ambassador_server.errors import (
    ConfigurationError,
    VaultDamagedError,
    VaultError,
    VaultKeyMissingError,
)
from ambassador_server.ports.vault import Sealed, SecretPlace

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = SecretPlace("u1", "m1", "token")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLACES = st.builds(SecretPlace, NAMES, NAMES, NAMES)


def vault_with(keys: Mapping[int, bytes]) -> AesGcmVault:
    return AesGcmVault(lambda: keys)


VAULT = vault_with({1: OLD, 2: NEW})


@given(st.binary(max_size=300), PLACES, PLACES)
def test_value_opens_for_its_user_mcp_and_field_alone(value: bytes, place: SecretPlace, other: SecretPlace):
    sealed = VAULT.seal(value, place)
    assert VAULT.open(sealed, place) == value
    assert len(value) < 4 or value not in sealed.content
    if other != place:
        with pytest.raises(VaultDamagedError):
            VAULT.open(sealed, other)


@given(st.text("ab", max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_names_that_read_the_same_in_a_row_are_different_places(names: str, first: int, second: int):
    place = SecretPlace(names, "", "")
    moved = SecretPlace(names[:first], names[first : first + second], names[first + second :])
    sealed = VAULT.seal(b"value", place)
    if moved != place:
        with pytest.raises(VaultDamagedError):
            VAULT.open(sealed, moved)


@given(st.data())
def test_no_bit_can_be_changed(data: st.DataObject):
    sealed = VAULT.seal(b"a secret", PLACE)
    bit = data.draw(st.integers(0, 8 * len(sealed.content) - 1))
    changed = bytearray(sealed.content)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VaultError):
        VAULT.open(Sealed(sealed.key_number, bytes(changed)), PLACE)


@given(st.data())
def test_nothing_can_be_cut_off_or_added(data: st.DataObject):
    sealed = VAULT.seal(b"a secret", PLACE)
    kept = data.draw(st.integers(0, len(sealed.content) - 1))
    added = data.draw(st.binary(min_size=1, max_size=40))
    for content in (sealed.content[:kept], sealed.content[kept:], sealed.content + added, added):
        if content != sealed.content:
            with pytest.raises(VaultError):
                VAULT.open(Sealed(sealed.key_number, content), PLACE)


@given(st.integers(-(2**31), 2**31 - 1))
def test_content_does_not_open_under_another_number(number: int):
    sealed = VAULT.seal(b"a secret", PLACE)
    if number != sealed.key_number:
        with pytest.raises(VaultError):
            VAULT.open(Sealed(number, sealed.content), PLACE)


def test_same_key_with_two_numbers_opens_only_under_its_own():
    sealed = vault_with({1: OLD}).seal(b"a secret", PLACE)
    with pytest.raises(VaultDamagedError):
        vault_with({1: OLD, 2: OLD}).open(Sealed(2, sealed.content), PLACE)


@given(st.binary(min_size=32, max_size=64))
def test_missing_key_is_named_and_never_gives_a_wrong_value(other: bytes):
    sealed = vault_with({1: OLD}).seal(b"a secret", PLACE)
    with pytest.raises(VaultKeyMissingError, match="vault-1 of a stored credential is missing"):
        vault_with({2: NEW}).open(sealed, PLACE)
    with pytest.raises(VaultKeyMissingError, match="or is another one"):
        vault_with({1: other}).open(sealed, PLACE)


def test_newest_key_seals_and_older_keys_still_open():
    sealed = vault_with({1: OLD}).seal(b"a secret", PLACE)
    assert VAULT.open(sealed, PLACE) == b"a secret"
    assert VAULT.seal(b"a secret", PLACE).key_number == VAULT.newest == 2


def test_two_seals_of_one_value_differ_for_one_user_and_between_users():
    contents = [VAULT.seal(b"x", place).content for place in (PLACE, PLACE, SecretPlace("u2", "m1", "token"))]
    assert len({content[9:] for content in contents}) == 3


def test_new_key_is_used_while_the_vault_is_open():
    keys = {1: OLD}
    running = vault_with(keys)
    keys[2] = NEW
    other_server = vault_with({2: NEW})
    assert running.open(other_server.seal(b"a secret", PLACE), PLACE) == b"a secret"
    assert running.seal(b"x", PLACE).key_number == 2


def test_lost_keys_and_unusable_files_refuse_in_words():
    keys: dict[int, bytes] = {1: OLD}
    vault = vault_with(keys)
    keys.clear()
    with pytest.raises(VaultKeyMissingError, match="no master key"):
        vault.seal(b"x", PLACE)

    def unusable() -> Mapping[int, bytes]:
        if broken:
            raise ConfigurationError("vault-1 can be read by others.", hint="Run: chmod 600 vault-1")
        return {1: OLD}

    broken = False
    vault = AesGcmVault(unusable)
    broken = True
    with pytest.raises(VaultKeyMissingError, match="can be read by others") as caught:
        vault.seal(b"x", PLACE)
    assert caught.value.hint == "Run: chmod 600 vault-1"
