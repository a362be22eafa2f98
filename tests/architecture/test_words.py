"""The product's words are used the same way everywhere."""

import re

from tests.architecture.test_sizes import ROOT, sources

AVOIDED = re.compile(r"\b(upstream|backend)s?\b", re.IGNORECASE)

WORDS_OF_OTHERS = {"ambassador_client/account/credentials.py"}  # keyring calls what it stores in a backend


def test_what_is_behind_us_is_called_downstream():
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{number}"
        for path in sources()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if AVOIDED.search(line) and path.relative_to(ROOT).as_posix() not in WORDS_OF_OTHERS
    ]
    assert found == []
