"""The commands and the file in `docs/identity.md` are used as they are written, and its tables are the code's."""

import re
import ssl
import time
from pathlib import Path

import httpx
import jwt

from ambassador_protocol.admin.issuer_presets import DEFAULTS, PRESETS
from ambassador_server.domain.people.token_claims import MOST_GROUPS, SKEW, TokenStep
from ambassador_server.guarded_http.requests import LARGEST_BODY
from ambassador_server.identity.held import KEPT, REFRESHED_AFTER, TRIED_EVERY
from ambassador_server.identity.token_form import LONGEST_TOKEN
from tests.documents.build import ROOT
from tests.rig import BIN, Rig

TEXT = (ROOT / "docs" / "identity.md").read_text()
EARLY = TEXT.partition("## Who may do what with a token")[0]
"""The sections whose commands need no MCP and no configuration of another gateway."""
ACCESS_COMMANDS = [
    line.split()[2:]
    for line in TEXT.splitlines()
    if line.startswith(("$ ambassador-admin access ", "$ ambassador-admin user "))
]
SECRET, ISSUER = "a secret that is long enough to sign", "https://sso.acme.example/realms/staff"
COMMANDS = [line.split()[2:] for line in EARLY.splitlines() if line.startswith("$ ambassador-admin ")]
(FILE,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_commands_work_as_written(rig: Rig, tmp_path: Path) -> None:
    (removing,) = [words for words in COMMANDS if words[1] == "remove"]
    (testing,) = [words for words in COMMANDS if words[1] == "test"]
    about_issuers = [words for words in COMMANDS if words[0] in ("issuer", "group")]
    kept = [words for words in about_issuers if words not in (removing, testing)]
    printed = {" ".join(words[:2]): rig.admin(*words) for words in kept}
    assert "public_url" in printed["issuer add"].stderr
    assert "https://sso.acme.example/realms/staff" in printed["issuer list"].stdout
    assert "group_prefix: sso." in printed["issuer show"].stdout
    claims = {"iss": "https://sso.acme.example/realms/staff", "exp": 1}
    token = jwt.encode(claims, "a secret that is long enough to sign", algorithm="HS256")
    words = [word.replace("env://TOKEN", "-") for word in testing]
    tested = rig.admin(*words, stdin=token)
    assert "it is signed in a way that is not permitted" in tested.stdout
    assert token not in tested.stdout + tested.stderr
    rig.admin(*words, "--check", stdin=token, expect=1)
    rig.admin(*removing)
    rig.admin(*removing[:2], "acme", "--yes")
    assert rig.admin_json("issuer", "list") == []


def test_the_commands_about_access_work_as_written(rig: Rig, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.write_text(SECRET)
    rig.admin("mcp", "add", "time", "--publish", "--", str(BIN / "mcp-server-time"))
    rig.admin("group", "create", "engineers")
    rig.admin("grant", "add", "engineers", "time")
    trusted = ("--url", ISSUER, "--audience", "us", "--secret", f"file://{shared}", "--algorithm", "HS256")
    rig.admin("issuer", "add", "sso", *trusted, "--create-users", "--map", "eng=engineers")
    claims = {"iss": ISSUER, "aud": "us", "sub": "1", "preferred_username": "alice", "groups": ["eng"]}
    token = jwt.encode({**claims, "exp": int(time.time()) + 600}, SECRET, algorithm="HS256")
    verified = ssl.create_default_context(cafile=rig.facts["ca_file"])
    seen = httpx.get(
        f"{rig.client_url}/v1/tools",
        headers={"Authorization": f"Bearer {token}"},
        verify=verified,
        trust_env=False,
    )
    assert seen.status_code == 200, seen.text
    printed = {" ".join(words): rig.admin(*words, stdin=token) for words in ACCESS_COMMANDS}
    assert len(printed) == len(ACCESS_COMMANDS) == 7
    assert not [each for each in printed.values() if token in each.stdout + each.stderr]
    tool = "time.get_current_time"
    for asked in ("--claimed-group eng", "--token -"):
        assert "engineers" in printed[f"access explain alice {tool} --issuer sso {asked}"].stdout
    assert tool in printed["access list alice --issuer sso --claimed-group eng"].stdout
    assert "alice" not in printed[f"access who-can {tool}"].stdout, "a token without a group may nothing"
    assert "engineers" in printed[f"access who-can {tool} --claims"].stdout
    assert "sso" in printed["user show alice"].stdout
    assert rig.admin_json("user", "show", "alice")["issuer"] is None, "it was unbound"


def test_the_file_is_applied_and_exported(rig: Rig, tmp_path: Path) -> None:
    declared = tmp_path / "identity.yaml"
    declared.write_text(FILE)
    assert "+ issuer entra" in rig.admin("apply", "-f", str(declared), "--yes").stdout
    (issuer,) = rig.admin_json("issuer", "list")
    assert (issuer["subject_claim"], issuer["group_claims"]) == ("oid", ["groups", "roles"])
    exported = rig.admin("export", "--owner", "ci/identity").stdout
    declared.write_text(exported)
    assert "0 to create, 0 to change" in rig.admin("diff", "-f", str(declared)).stderr
    declared.write_text(exported.replace("- api://mcp-ambassador", "- api://other"))
    rig.admin("apply", "-f", str(declared), "--yes")
    assert rig.admin_json("issuer", "show", "entra")["audiences"] == ["api://other"]
    declared.write_text(FILE[: FILE.index("issuers:")] + FILE[FILE.index("groups:") :])
    rig.admin("apply", "-f", str(declared), "--prune", "--yes")
    assert rig.admin_json("issuer", "list") == []


def test_checks_presets_and_bounds_are_those_of_the_code() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in EARLY.splitlines() if line[:3] == "| `"
    ]
    first = [cells[0].strip("`") for cells in rows]
    assert first == [*map(str, TokenStep), *PRESETS]
    for cells in rows[len(TokenStep) :]:
        fields = {**DEFAULTS, **PRESETS[cells[0].strip("`")]}
        told = [re.findall(r"`([^`]+)`", cell) for cell in cells[1:4]]
        assert told == [fields["user_claims"], [fields["subject_claim"]], fields["group_claims"]], cells[0]
    assert f"{LONGEST_TOKEN:,} characters" in TEXT
    assert (SKEW.total_seconds(), TRIED_EVERY, KEPT, REFRESHED_AFTER) == (60, 30, 3600, 300)
    assert LARGEST_BODY == 1024 * 1024
    assert f"More than {MOST_GROUPS:,} groups" in TEXT
