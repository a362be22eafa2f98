"""Every stable code is explained, once, and found by what a person types."""

import pytest

from ambassador_protocol.explanations import EXPLANATIONS, find_code
from ambassador_protocol.problems import ProblemCode


def test_every_code_has_a_meaning_and_a_remedy():
    assert set(EXPLANATIONS) == set(ProblemCode)
    for code, explanation in EXPLANATIONS.items():
        assert explanation.meaning.endswith("."), code
        assert explanation.remedies, code
        assert all(remedy.endswith((".", "?")) for remedy in explanation.remedies), code
    meanings = [explanation.meaning for explanation in EXPLANATIONS.values()]
    assert len(set(meanings)) == len(meanings)


@pytest.mark.parametrize("text", ["AMB-5001", "amb-5001", " 5001 "])
def test_code_is_found_as_people_write_it(text: str):
    assert find_code(text) is ProblemCode.UNREACHABLE


@pytest.mark.parametrize("text", ["", "AMB-", "AMB-9999", "UNREACHABLE", "50011"])
def test_no_other_text_is_a_code(text: str):
    assert find_code(text) is None
