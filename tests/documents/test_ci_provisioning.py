"""The pipeline of `docs/ci-provisioning.md` is run as it is written, step after step."""

import os
import re
import subprocess
from pathlib import Path

from ambassador_admin.errors import ExitCode
from tests.architecture.test_sizes import ROOT
from tests.rig import BIN, Rig

DOCUMENT = (ROOT / "docs" / "ci-provisioning.md").read_text()
FILES = re.findall(r"`(declared/\w+\.yaml)`:\n\n```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
STEPS = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
STORE = 'cat > "stored.$MCP_AMBASSADOR_KEY_USER.$MCP_AMBASSADOR_KEY_NAME"\n'


def test_the_pipeline_works_as_written(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "declared").mkdir()
    for name, text in FILES:
        (tmp_path / name).write_text(text.replace("mcp-server-time", str(BIN / "mcp-server-time")))
    (tmp_path / "store-key.sh").write_text(STORE)
    assert (len(FILES), len(STEPS)) == (2, 5)
    script = "set -eux\n" + "\n".join(STEPS)
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=tmp_path,
        env={**rig.environment(), **rig.admin_environment(), "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "+ grant: deny developers time time.convert_time\n" in done.stdout
    assert [user["name"] for user in rig.admin_json("user", "list", "--filter", "owner=ci/people")] == [
        "alice",
        "bob",
    ]


def test_every_exit_code_it_names_exists() -> None:
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)}
    assert named <= {int(code) for code in ExitCode}
