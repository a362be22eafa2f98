"""Error codes are read as people write them, and both command lines explain every one of them."""

import pytest

from ambassador_admin.cli import explanations as admin
from ambassador_client.cli import explanations as client
from ambassador_protocol.problems import ProblemCode

Table = dict[ProblemCode, admin.Explanation | client.Explanation]


@pytest.mark.parametrize("table", [admin.EXPLANATIONS, client.EXPLANATIONS], ids=["admin", "client"])
def test_every_code_has_a_meaning_and_a_remedy(table: Table) -> None:
    assert set(table) == set(ProblemCode)
    for code, explanation in table.items():
        assert explanation.meaning.endswith("."), code
        assert explanation.remedies, code
        assert all(remedy.endswith(".") for remedy in explanation.remedies), code
    meanings = [explanation.meaning for explanation in table.values()]
    assert len(set(meanings)) == len(meanings)


@pytest.mark.parametrize("text", ["AMB-5001", "amb-5001", " 5001 "])
def test_code_is_found_as_people_write_it(text: str) -> None:
    assert ProblemCode.parse(text) is ProblemCode.UNREACHABLE


@pytest.mark.parametrize("text", ["", "AMB-", "AMB-9999", "UNREACHABLE", "50011"])
def test_other_text_is_no_code(text: str) -> None:
    assert ProblemCode.parse(text) is None
