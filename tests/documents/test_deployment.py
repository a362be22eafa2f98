"""Every command of docs/deployment.md is run as it is written, by root, on a machine whose first process is systemd.

What fetches packages runs first, because that machine has no network afterwards. The addresses resolve to loopback; the
fingerprint is the one that `init` prints.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ambassador_server.config import load_config
from ambassador_server.crypto.certificates import ensure_certificates
from tests.architecture.test_sizes import ROOT
from tests.documents.machine import Machine, missing
from tests.packaging.install import copy_sources

DOCUMENT = (ROOT / "docs" / "deployment.md").read_text()
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "ambassador-server.service"
NAME = "ambassador.example.com"
TIME = '"timezone": "Europe/Zurich"'

# The environment is filled with packages, and a whole machine starts.
pytestmark = pytest.mark.timeout(600)


def blocks(section: str) -> list[str]:
    """Return the commands of a section, block by block."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def with_packages(text: str) -> bool:
    return "pip install" in text or "-m venv" in text


SECTIONS = re.findall(r"^## (.+)$", DOCUMENT, re.MULTILINE)
PREPARING, LATER = blocks("Install")[:2], blocks("Install")[2:]

HEAD = f"""
trap 'journalctl --no-pager --lines 40' ERR
client=/opt/ambassador/bin/ambassador-client
admin_ready() {{ curl --silent --fail --retry 30 --retry-delay 1 --retry-all-errors --insecure "$1/ready"; }}
call() {{ "$client" call time.get_current_time timezone=Europe/Zurich | grep -F '{TIME}'; }}
printed() {{ sed -n "s/^$1: *//p" /run/script.out | head -1; }}
"""
ENROL = f"""
ambassador-admin user create alice
ambassador-admin group create developers
ambassador-admin group add-member developers alice
ambassador-admin grant add developers time
ambassador-admin key issue alice --name laptop --key-file /opt/checkout/alice.key
"$client" login https://{NAME}:8443 --fingerprint "$(printed 'CA fingerprint')" --key-from file:///opt/checkout/alice.key
call
test "$(systemctl show --property NoNewPrivileges --value ambassador-server)" = yes
ambassador-admin mcp show time -o json | grep -E '"sandbox": "(landlock|bubblewrap)"'
"""
IN_BUBBLEWRAP = """
admin_ready https://localhost:9443
ambassador-admin mcp update time --option 'sandbox={"kind": "bubblewrap"}' -- /opt/mcp-time/bin/mcp-server-time
ambassador-admin mcp show time -o json | grep -F '"sandbox": "bubblewrap"'
call
ambassador-admin mcp update time -- /opt/mcp-time/bin/mcp-server-time
rm -r /etc/systemd/system/ambassador-server.service.d
systemctl daemon-reload
"""
GIVEN = f"admin_ready https://localhost:9443; curl --fail --cacert ca.pem https://{NAME}:8443/ready\n"
PLAIN = f"""
admin_ready http://localhost:9443
export MCP_AMBASSADOR_ADMIN_URL=http://localhost:9443 MCP_AMBASSADOR_ADMIN_KEY="$FIRST_KEY"
export MCP_AMBASSADOR_URL=https://{NAME}:443 MCP_AMBASSADOR_CA_FILE=/opt/checkout/ca.pem
export MCP_AMBASSADOR_PRESHARED_KEY=file:///opt/checkout/alice.key
"""
THROUGH = f"admin_ready https://{NAME}; call\n"
LOAD = "(while call; do :; done) & load=$!\n"
AFTER_BACKUP = """
kill $load
ambassador-admin user create created-after-the-backup
"""
RESTORED = """
admin_ready http://localhost:9443
ambassador-admin user show alice
if ambassador-admin user show created-after-the-backup; then exit 1; fi
call
ambassador-admin audit verify
ambassador-admin server health
"""


def script() -> str:
    """Return all commands after the installation, with what proves that they worked."""
    first, login = LATER
    login = login.replace("AA:BB:…", '"$(printed "CA fingerprint")" --key-from env://FIRST_KEY')
    to_proxy, nginx, caddy = blocks("Behind a reverse proxy")
    upgrade = "".join(
        line for line in blocks("Upgrade")[0].splitlines(keepends=True) if not with_packages(line)
    )
    return "\n".join(
        [
            HEAD + first + 'export FIRST_KEY="$(printed "Admin key")"',
            login + ENROL,
            *blocks("The unit and the sandboxes"),
            IN_BUBBLEWRAP,
            *blocks("Certificates and host names"),
            GIVEN + to_proxy + PLAIN,
            f"{nginx}{THROUGH}systemctl stop nginx" if shutil.which("nginx") else "",
            caddy + THROUGH if shutil.which("caddy") else "export MCP_AMBASSADOR_URL=http://localhost:8443",
            f"{upgrade}admin_ready http://localhost:9443; call",
            LOAD + blocks("Backup")[0] + AFTER_BACKUP,
            *blocks("Restore"),
            RESTORED,
            *(f"{block.rstrip()} | grep -F serving" for block in blocks("Logs and retention")),
        ]
    )


@pytest.mark.endurance
def test_the_commands_work_as_written(tmp_path: Path) -> None:
    lacks = missing()
    if lacks:
        pytest.skip(f"not here: {', '.join(lacks)}")
    machine = Machine(tmp_path / "machine")
    copy_sources(tmp_path / "sources")
    shutil.copytree(tmp_path / "sources", machine.checkout, dirs_exist_ok=True)
    shutil.copytree(DEPLOY, machine.checkout / "deploy")
    (machine.etc / "hosts").write_text(f"127.0.0.1 localhost {NAME}\n")
    give_certificate(tmp_path / "authority", machine)
    packages = [line for line in blocks("Upgrade")[0].splitlines() if with_packages(line)]
    machine.run("\n".join([*PREPARING, *packages]))
    printed = machine.boot(script())
    assert printed.count(f"\n{TIME}") + printed.count(f"  {TIME}") >= 4


def give_certificate(authority: Path, machine: Machine) -> None:
    """Write the certificate of another authority where the administrator has it, and the proxy."""
    made = ensure_certificates(authority, [NAME])
    proxy = machine.etc / "ssl/ambassador"
    proxy.mkdir()
    shutil.copy(made.ca_file, machine.checkout / "ca.pem")
    for directory in (machine.checkout, proxy):
        shutil.copy(made.certificate_file, directory / "fullchain.pem")
        shutil.copy(made.key_file, directory / "privkey.pem")
    for file in proxy.iterdir():
        file.chmod(0o644)  # for the user of Caddy, who is in no other group here


def test_every_section_with_commands_is_run() -> None:
    with_commands = [section for section in SECTIONS if blocks(section)]
    assert with_commands == [
        "Install",
        "The unit and the sandboxes",
        "Certificates and host names",
        "Behind a reverse proxy",
        "Upgrade",
        "Backup",
        "Restore",
        "Logs and retention",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("drop_in", [False, True])
def test_systemd_knows_every_line_of_the_unit(tmp_path: Path, drop_in: bool) -> None:
    unit = tmp_path / UNIT.name
    # Only the program must exist for it, and is not installed where the tests run.
    unit.write_text(
        UNIT.read_text().replace("/opt/ambassador/bin/ambassador-server", shutil.which("true") or "")
    )
    if drop_in:
        (tmp_path / f"{UNIT.name}.d").mkdir()
        shutil.copy(UNIT.with_name("bubblewrap.conf"), tmp_path / f"{UNIT.name}.d")
    verify = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_unit_exposes_little() -> None:
    analyze = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)]
    done = subprocess.run(analyze, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["server.yaml", "behind-proxy.yaml"])
def test_the_settings_are_valid_and_do_not_repeat_defaults(name: str) -> None:
    settings = load_config({}, {}, DEPLOY / name)
    assert settings.hostnames == (NAME,)
    assert str(settings.data_dir) == "/var/lib/ambassador"


def test_the_figures_are_those_that_were_measured() -> None:
    measured = (ROOT / "docs" / "performance.md").read_text()
    (text,) = re.findall(r"^## Sizing\n(.*)", DOCUMENT, re.MULTILINE | re.DOTALL)
    figures = re.findall(r"[\d,.]+ (?:µs|MiB|/s|s|ms)\b", text)
    assert len(figures) >= 4
    assert [figure for figure in figures if figure not in measured] == []
