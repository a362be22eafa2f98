"""The command in `docs/host-login.md` is used as it is written, and its fields and bounds are the code's."""

import re
import shlex

from ambassador_protocol.admin.issuer_presets import DEFAULTS
from ambassador_server.bootstrap.host_login import STEPS_PER_MINUTE
from ambassador_server.domain.people.host_requests import LONGEST_REDIRECT, LONGEST_STATE, redirect_fault
from tests.documents.build import ROOT
from tests.rig import Rig

TEXT = (ROOT / "docs" / "host-login.md").read_text()
BOUNDS = (ROOT / "docs" / "bounds.md").read_text()
(ADDING,) = [line for line in TEXT.splitlines() if line.startswith("$ ambassador-admin ")]


def test_the_command_works_as_written(rig: Rig) -> None:
    rig.admin(*shlex.split(ADDING)[2:])
    shown = rig.admin_json("issuer", "show", "sso")
    assert shown["host_client_id"] == "mcp-hosts"
    assert shown["host_client_secret"] == "env://SSO_HOSTS_SECRET"
    assert shown["host_redirects"] == ["https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect"]
    assert shown["host_scopes"] == ["offline_access"]
    exported = rig.admin("export").stdout
    for name in ("host_client_id", "host_client_secret", "host_redirects", "host_scopes"):
        assert name in exported


def test_fields_redirects_and_bounds_are_those_of_the_code() -> None:
    fields = {name for name in DEFAULTS if name.startswith("host_")}
    assert {*re.findall(r"\| `(host_\w+)` \|", TEXT)} == fields
    redirects = re.findall(r"--host-redirect (\S+?)[`\s]", TEXT)
    assert len(redirects) >= 6
    assert [uri for uri in redirects if redirect_fault(uri)] == []
    assert f"{STEPS_PER_MINUTE} steps a minute" in TEXT
    assert f"{STEPS_PER_MINUTE} a minute" in BOUNDS
    assert f"a redirect URI {LONGEST_REDIRECT} characters, a state {LONGEST_STATE:,}" in BOUNDS
