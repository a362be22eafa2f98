"""Words and names that the product has given up do not come back; each has a plain one to use instead."""

import re
from pathlib import Path

import pytest

from tests.architecture.test_sizes import ROOT, sources

# A word, or words that mean the same, separated by `|`; matched whole, in text and as a part of a name.
INSTEAD_OF_WORDS = {
    "upstream|upstreams": "downstream",
    "whoever|whosoever|whomever": "the one who, or the subject's name: the caller, the user, the server",
    "somebody|somebodys": "a user, a caller, another process",
    "what comes of|what becomes of|comes of": "the result, the outcome, the state",
    "goes by": "uses, follows",
    "come what may": "always",
    "makes no sense|make no sense": "is invalid",
    "for ever": "forever, without end, permanently",
    "of late": "recently",
    "kept nowhere": "is not stored",
    "worthless": "invalid, revoked",
    "says of itself": "reports, declares",
    "anew": "again",
    "in vain": "without success",
    "stands there|stand there": "is, is present",
    "takes back|take back": "reverts, revokes, withdraws",
    "crowd|crowds": "session limits",
    "standing": "status; the guard of rights is `admin_guard`",
    "flights": "calls in flight; the module is `in_flight`",
    "ladder|ladders": "validation",
    "stirred": "changed, woken",
    "aside": "apart from, or a name that says what for",
    "affairs": "use cases",
    "shelf|shelves": "list, store",
    "gathering|gatherings": "collection, batch",
    "notary|notaries": "signer, recorder",
    "seat|seats": "slot, admission",
    "errand|errands": "job, request",
    "goodbye|goodbyes|farewell|farewells": "close, last message",
    "news": "change, update, notification",
    "last words": "output before the exit",
    "breath|breaths": "turn, pause",
    "bury|buries|buried": "remove, drop",
    "find contradiction": "a check that is named after what it checks",
}

# Names that once stood for one idea of ours; matched whole and in this spelling, in code only.
INSTEAD_OF_NAMES = {
    "UserFacts|GroupFacts|GrantFacts|KeyFacts|McpFacts": "UserSpec and its like",
    "SinkOrder": "SinkSettings",
    "AccessQuestions": "AccessQueries",
    "KeyEnd": "KeyExpiry",
    "AccountBook": "AccountStore",
    "Handover|Recipient": "KeyDestination",
    "EventReader": "EventStreamReader",
    "PasswordTurn": "PasswordHasher",
    "Services": "one small record of use cases per folder of `services/`",
    "Core": "Foundation",
}

# Names of modules that are good words elsewhere: a role of ours, and what a throttle is against.
INSTEAD_OF_MODULES = {"auditor": "recorder", "guesses": "login_throttle"}

# Refused in the product only, because tests configure libraries that have backends.
BEHIND_US = {"backend|backends": "downstream"}

WORDS_OF_OTHERS = {
    "ambassador_client/account/credentials.py": "keyring calls what it stores in a backend",
    "ambassador_server/storage/database_url.py": "SQLAlchemy calls the database program a backend",
}

PROSE = ("*.md", "docs/**/*.md", "man/*.1", "Makefile", ".importlinter", "pyproject.toml", ".ci/run")


def _written() -> list[Path]:
    """Return everything that we write by hand, apart from this list; goldens and completions are made from it."""
    prose = [path for pattern in PROSE for path in ROOT.glob(pattern)]
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    return sorted([*sources(), *tests, *prose])


def _spelled_out(text: str) -> str:
    """Return the text with the words of each name apart: `last_words` and `LastWords` become `last words`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text)


def _refused(table: dict[str, str], text: str, flags: int = 0) -> list[tuple[str, str]]:
    """Return the words of the table in the text, and what to say instead."""
    return [
        (match[0], instead)
        for words, instead in table.items()
        for match in re.finditer(rf"\b(?:{words})\b", text, flags)
    ]


def _hits(path: Path, table: dict[str, str], flags: int = 0) -> list[str]:
    """Return each place where the file uses a word of the table, and what to say instead."""
    name = path.relative_to(ROOT).as_posix()
    lines = [name, *path.read_text().splitlines()]
    whole = "\n".join(lines)
    # Most files use none, which one search of all that is written shows.
    if not re.search(rf"\b(?:{'|'.join(table)})\b", _spelled_out(whole) if flags else whole, flags):
        return []
    return [
        f"{name}:{number}: {word!r}, instead: {instead}"
        for number, line in enumerate(lines)
        for word, instead in _refused(table, _spelled_out(line) if flags else line, flags)
    ]


def test_no_refused_word_comes_back():
    """Line 0 of a file is its name."""
    found = [hit for path in _written() for hit in _hits(path, INSTEAD_OF_WORDS, re.IGNORECASE)]
    assert found == [], "\n".join(found)


def test_no_refused_name_comes_back():
    found = [hit for path in _written() if path.suffix == ".py" for hit in _hits(path, INSTEAD_OF_NAMES)]
    assert found == [], "\n".join(found)


def test_no_refused_module_comes_back():
    found = [path for path in sources() if {path.stem, path.parent.name} & INSTEAD_OF_MODULES.keys()]
    assert found == [], INSTEAD_OF_MODULES


def test_what_is_behind_us_is_called_downstream():
    ours = [path for path in sources() if path.relative_to(ROOT).as_posix() not in WORDS_OF_OTHERS]
    found = [hit for path in ours for hit in _hits(path, BEHIND_US, re.IGNORECASE)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "text",
    ["the last words of it", "LAST_WORDS = 1", "class _LastWords:", "def last_words():", "its Last Words"],
)
def test_a_refused_word_is_found_in_every_spelling(text: str):
    assert [word.lower() for word, _ in _refused(INSTEAD_OF_WORDS, _spelled_out(text), re.IGNORECASE)] == [
        "last words"
    ]


@pytest.mark.parametrize(
    "text", ["outstanding", "understanding", "newsletter", "setaside", "in flight", "seated"]
)
def test_a_longer_word_is_not_a_refused_one(text: str):
    assert _refused(INSTEAD_OF_WORDS, _spelled_out(text), re.IGNORECASE) == []
