"""docs/telemetry.md: its example is a configuration that the command accepts, and its tables are complete."""

import re
from pathlib import Path

from ambassador_server.config import load_config
from ambassador_server.setting_sections import TelemetrySection
from ambassador_server.telemetry.telemetry import LONGEST_VALUE, MOST_WAITING, STOP_SECONDS
from tests.documents.build import ROOT
from tests.rig import Rig

TEXT = (ROOT / "docs/telemetry.md").read_text(encoding="utf-8")
[EXAMPLE] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
[COMMANDS] = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


def documented_attributes() -> set[str]:
    """Return every attribute that the page names."""
    rows = re.findall(r"^\| (.+?) \|", TEXT.partition("| attribute |")[2].partition("\n\n")[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}


def test_the_settings_are_those_of_the_section() -> None:
    rows = re.findall(r"^\| (.+?) \|", TEXT.partition("| setting in")[2].partition("\n\n")[0], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(TelemetrySection.model_fields)


def test_the_bounds_are_those_of_the_code() -> None:
    for number in (MOST_WAITING, LONGEST_VALUE):
        assert f"{number:,}" in TEXT
    assert STOP_SECONDS == 3
    assert "within three seconds" in TEXT


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    secret = tmp_path / "collector-key"
    secret.write_text("secret\n")
    file = tmp_path / "server.yaml"
    file.write_text(EXAMPLE.replace("/etc/ambassador/collector-key", str(secret)))
    assert load_config({}, {}, file).telemetry.sample_ratio == 0.1
    rig = Rig(tmp_path, is_preloaded=True)
    rig.init()
    words = COMMANDS.splitlines()[1].split()
    assert words == ["ambassador-server", "check", "--config", "server.yaml"]
    done = rig.run(*words[:2], "--config", str(file), "--data-dir", str(rig.data_dir))
    assert "ok    telemetry: traces and metrics to https://collector.example.com:4318" in done.stdout
    secret.unlink()
    refused = rig.run(*words[:2], "--config", str(file), "--data-dir", str(rig.data_dir), expect=1)
    assert "FAIL  telemetry: " in refused.stdout
