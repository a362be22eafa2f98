"""`constraints.txt` holds an exact version, with hashes, of all that pyproject.toml asks for, on every machine."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.install import DISTRIBUTION, ROOT

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_TEXT = (ROOT / "constraints.txt").read_text()
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_PLATFORMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
_MACHINES = [
    {
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": system,
        "platform_machine": cpu,
    }
    for python, (system, cpu) in product(("3.11", "3.12", "3.13", "3.14"), _PLATFORMS)
]
"""As many variables of a marker as pyproject.toml and constraints.txt use, of each kind of machine."""


@dataclass(frozen=True)
class Pinned:
    """One entry of the file: a requirement of one version, and the hashes of its files."""

    requirement: Requirement
    hashes: list[str] = field(repr=False)

    @property
    def version(self) -> str:
        (exact,) = self.requirement.specifier
        assert exact.operator == "=="
        return exact.version


def entries() -> Iterator[Pinned]:
    lines = [line for line in _TEXT.replace("\\\n", " ").splitlines() if not line.startswith("#")]
    for line in lines:
        requirement, *hashes = line.split(" --hash=")
        yield Pinned(Requirement(requirement), [each.strip() for each in hashes])


def asked(extra: str | None) -> Iterator[Requirement]:
    """Yield what the project asks for with an extra, those of other extras that it includes too."""
    project = _PROJECT["project"]
    for text in project["dependencies"] if extra is None else project["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == DISTRIBUTION:
            for included in requirement.extras:
                yield from asked(included)
        else:
            yield requirement


def applies(requirement: Requirement, machine: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(machine)


def test_every_entry_is_one_version_with_hashes_and_names_no_place_to_get_it():
    pinned = list(entries())
    assert len(pinned) > 100
    for each in pinned:
        assert each.version
        assert each.requirement.url is None
        assert each.hashes
        assert all(map(_HASH.fullmatch, each.hashes)), each
    assert "://" not in _TEXT
    assert not re.search(r"^\s*-", re.sub(r"\\\n\s*--hash=\S+", "", _TEXT), re.MULTILINE)


@pytest.mark.parametrize("machine", _MACHINES, ids=lambda machine: " ".join(list(machine.values())[1:]))
def test_all_that_is_asked_for_is_there_within_its_range(machine: dict[str, str]):
    pinned: dict[str, str] = {}
    for each in entries():
        if applies(each.requirement, machine):
            assert each.requirement.name not in pinned, "two versions for one machine"
            pinned[each.requirement.name] = each.version
    wanted = [Requirement(text) for text in _PROJECT["build-system"]["requires"]]
    for extra in (None, *_PROJECT["project"]["optional-dependencies"]):
        wanted += asked(extra)
    for requirement in wanted:
        if applies(requirement, machine):
            version = pinned.get(canonicalize_name(requirement.name))
            assert version is not None, f"run make constraints: {requirement} is missing"
            assert version in requirement.specifier, f"run make constraints: {requirement}, not {version}"
