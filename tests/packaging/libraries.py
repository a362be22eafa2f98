"""The direct and indirect requirements of a wheel, from its metadata and that of the installed packages."""

from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


class WheelRequirements:
    """The libraries of one wheel, by extra; names are as an index compares them."""

    def __init__(self, wheel: Path) -> None:
        with ZipFile(wheel) as archive:
            (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
            metadata = HeaderParser().parsestr(archive.read(name).decode())
        self._declared = metadata.get_all("Requires-Dist", [])
        self.extras = set(metadata.get_all("Provides-Extra", []))

    def of(self, extra: str = "") -> set[str]:
        """Return the libraries that an install with this extra brings; without an extra, those of the base install."""
        found: set[str] = set()
        waiting = list(_applying(self._declared, {extra}))
        seen = set()
        while waiting:
            requirement = waiting.pop()
            key = (name := canonicalize_name(requirement.name), frozenset(requirement.extras))
            if key in seen:
                continue
            seen.add(key)
            found.add(name)
            waiting += _applying(_required_by(name), {"", *requirement.extras})
        return found


def modules_of(distributions: set[str]) -> set[str]:
    """Return the names by which these would be imported."""
    return {
        module
        for module, owners in packages_distributions().items()
        if {canonicalize_name(owner) for owner in owners} <= distributions
    }


def _applying(declared: Iterable[str], extras: set[str]) -> Iterator[Requirement]:
    for text in declared:
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": each}) for each in extras):
            yield requirement


def _required_by(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # not for this platform
        return []
