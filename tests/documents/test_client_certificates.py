"""The commands in `docs/client-certificates.md` work as they are written, and its table and bounds are the code's."""

import shlex
from pathlib import Path

from ambassador_server.crypto.client_trust import MOST_BYTES, MOST_IN_CHAIN, MOST_NAMES
from ambassador_server.domain.people.certificates import CertificateFault
from ambassador_server.domain.people.issuers import MOST_REVOKED
from tests.authorities import Authority
from tests.documents.build import ROOT
from tests.rig import Rig

TEXT = (ROOT / "docs" / "client-certificates.md").read_text()


def test_the_commands_work_as_written(rig: Rig, tmp_path: Path) -> None:
    ca_file, authority = tmp_path / "people-ca.pem", Authority()
    ca_file.write_text(authority.pem)
    for line in TEXT.splitlines():
        if line.startswith("$ ambassador-admin ") and "--cert" not in line:
            words = [word.replace("people-ca.pem", str(ca_file)) for word in shlex.split(line)[2:]]
            printed = rig.admin(*words).stdout
            if words[:2] == ["issuer", "show"]:
                assert authority.fingerprint in printed
            if words[1] == "revoke":
                assert "3a0f91" in printed
    assert rig.admin_json("issuer", "list") == []


def test_words_and_bounds_are_those_of_the_code() -> None:
    rows = [line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `")]
    told = [word.strip().strip("`") for cell in rows for word in cell.split(",")]
    assert sorted(told) == sorted(CertificateFault)
    assert f"more than {MOST_IN_CHAIN} certificates or {MOST_BYTES // 1024} KiB" in TEXT
    assert f"more than {MOST_NAMES} |" in TEXT
    assert f"{MOST_REVOKED:,}" in TEXT
