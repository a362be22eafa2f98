"""The commands in `docs/administrators.md` are run as they are written."""

import re
import shlex
from pathlib import Path

from ambassador_server.domain.people.administrators import RIGHTS
from tests.architecture.test_sizes import ROOT
from tests.rig import Rig

TEXT = (ROOT / "docs" / "administrators.md").read_text()
PASSWORD = "correct horse battery"


def test_the_commands_work_as_written(tmp_path: Path) -> None:
    commands = re.findall(r"^\$ ambassador-admin (.+)$", TEXT, re.MULTILINE)
    assert len(commands) >= 6
    rig = Rig(tmp_path, is_preloaded=True)
    rig.init()
    rig.start()
    try:
        # Like a reader who ran the tour of the README: the server is proved, and its first key is kept.
        url = rig.admin_url.replace("127.0.0.1", "localhost")
        first = {"FIRST_KEY": rig.facts["admin_key"]}
        proof = ("--fingerprint", rig.facts["ca_fingerprint"], "--key-from", "env://FIRST_KEY")
        rig.run("ambassador-admin", "login", url, *proof, env=first)
        for command in commands:
            words = [url if word.startswith("https:") else word for word in shlex.split(command)]
            words = [str(tmp_path / word) if word == "ci.key" else word for word in words]
            words += ["--yes"] if "revoke" in words else []
            done = rig.run("ambassador-admin", *words, stdin=f"{PASSWORD}\n")
            assert done.stdout or done.stderr, command
        assert '"kind": "login"' in rig.run("ambassador-admin", "whoami", "-o", "json").stdout
    finally:
        rig.stop()


def test_the_table_of_roles_is_the_one_that_holds() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", TEXT, re.MULTILINE)
    told = {role: {word.strip(" `") for word in rights.split(",")} for role, rights in rows}
    assert told == {role.value: {right.value for right in rights} for role, rights in RIGHTS.items()}
