"""No two modules of a package have names that differ only by a suffix, which would not tell them apart."""

import re
from collections import defaultdict
from pathlib import Path

from tests.architecture.test_sizes import PACKAGES, ROOT

SUFFIX = re.compile(r"(ations?|ators?|ions?|ings?|ers?|ors?|ments?|ies|es|ed|e|y|s)$")

# Pairs that stay, and what tells them apart.
EXCEPTIONS = {
    ("account", "accounts"): "the folder of what a login keeps; the command group `accounts`",
    ("administration", "administrators"): "the folder of the use cases; the people who have roles",
    ("caller", "calls"): "the caller of an MCP method; the folder of the use cases",
    ("context", "contexts"): "the folder; the command group `context`",
    ("endpoint", "endpoints"): "the way in of `/mcp`; the endpoints of the admin API as values",
    ("installer", "installing"): "the folder of what an installation needs; the class that installs",
    (
        "access_token",
        "access_tokens",
    ): "the authenticator, named as in the configuration; those for downstreams",
    ("mcp", "mcps"): "the protocol; the catalog entries, as the API calls them",
    ("serve", "server"): "the command; the server that it runs",
    ("session", "sessions"): "our session with a downstream; the sessions of clients with us",
    ("session_token", "session_tokens"): "the authenticator, named as in the configuration; the tokens",
    ("user", "users"): "the sandbox, named as in the configuration; the people",
    ("throttle", "throttling"): "the port; the folder that implements it",
}


def _names(package: str) -> dict[str, set[Path]]:
    """Return where each name of a module or a folder of a package is used."""
    paths = [path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]
    names: dict[str, set[Path]] = defaultdict(set)
    for path in paths:
        module = path.parent if path.name == "__init__.py" else path
        names[module.stem].add(module)
    return names


def _is_kind_of_a_folder(name: str, other: str, names: dict[str, set[Path]]) -> bool:
    """Tell whether `name` says what the modules in the folders `names` are, such as `transport` for `transports`."""
    return other == f"{name}s" and any(path.is_dir() for path in names[other])


def _pairs(package: str) -> set[tuple[str, str]]:
    names = _names(package)
    same_stem: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        same_stem[SUFFIX.sub("", name)].append(name)
    return {
        (one, other)
        for group in same_stem.values()
        for one in group
        for other in group
        if one < other and not _is_kind_of_a_folder(one, other, names)
    }


def test_no_two_modules_differ_by_a_suffix():
    pairs = {pair for package in PACKAGES for pair in _pairs(package)}
    known = {(min(pair), max(pair)) for pair in EXCEPTIONS}
    assert pairs - known == set(), "rename one of each pair"
    assert known - pairs == set(), "these pairs are gone"


def test_the_suffixes_cover_the_known_kinds_of_pairs():
    for pair in (
        ("names", "naming"),
        ("administration", "administrator"),
        ("impact", "impacts"),
        ("proof", "proofs"),
    ):
        assert len({SUFFIX.sub("", name) for name in pair}) == 1, pair
