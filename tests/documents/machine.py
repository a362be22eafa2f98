"""A machine to deploy on: programs of this one, directories of its own, and systemd as the first process.

It is made of namespaces, by root and bubblewrap; it has no network but its own loopback, once systemd runs.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SYSTEMD = Path("/lib/systemd/systemd")
NEEDED = ("bwrap", "unshare", "runuser", "useradd", "systemctl", "sqlite3", "curl")
_DIRECTORIES = ("etc", "home", "opt/checkout", "run", "bin", "cgroup")
_VAR = ("lib/systemd", "lib/nginx", "lib/caddy", "cache", "backups", "log/nginx", "log/caddy", "tmp", "www")
_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS = 300
_UNIT = f"""
[Unit]
DefaultDependencies=no
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
Environment=HOME=/root PATH={_PATH}
WorkingDirectory=/opt/checkout
StandardOutput=file:/run/script.out
StandardError=inherit
ExecStart=/bin/bash -eux /opt/checkout/script.sh
"""
# The machine gets a group of processes for itself, so that it sees and ends no other process.
_ENTER_GROUP = """
mount -t cgroup2 none "$1"
mkdir "$1/$2"
echo $$ > "$1/$2/cgroup.procs"
umount "$1"
exec unshare --cgroup sh -ec 'mount -t cgroup2 none "$1"; shift 2; exec "$@"' sh "$@"
"""
_REMOVE_GROUP = 'mount -t cgroup2 none "$1"; find "$1/$2" -depth -type d -exec rmdir {} ";"'


def missing() -> list[str]:
    """Return what this machine lacks to have another one on it."""
    lacks = [program for program in NEEDED if shutil.which(program) is None]
    lacks += [] if SYSTEMD.exists() else [str(SYSTEMD)]
    python = ["python3", "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"]
    is_usable = subprocess.run(python, env={"PATH": _PATH}, capture_output=True, check=False).returncode == 0
    lacks += [] if is_usable else ["a Python 3.11 with venv for all users"]
    return lacks + ([] if os.geteuid() == 0 else ["root"])


class Machine:
    """One machine; its files are below a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for name in (*_DIRECTORIES, *(f"var/{each}" for each in _VAR)):
            (directory / name).mkdir(parents=True)
        for name in ("lib/caddy", "log/caddy"):
            with suppress(LookupError):  # no Caddy here
                shutil.chown(directory / "var" / name, "caddy", "caddy")
        shutil.copytree("/etc", directory / "etc", symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(directory / "etc/systemd/system", ignore_errors=True)
        (directory / "etc/systemd/system").mkdir(parents=True)
        (directory / "etc/systemd/system/script.service").write_text(_UNIT)

    @property
    def checkout(self) -> Path:
        """Return the directory in which scripts run."""
        return self._directory / "opt/checkout"

    @property
    def etc(self) -> Path:
        """Return what the machine sees as /etc."""
        return self._directory / "etc"

    def run(self, script: str) -> str:
        """Run a script without systemd and with the network of this machine; return what it printed."""
        environment = {
            **os.environ,
            "PATH": _PATH,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        command = [*self._bwrap(), "--chdir", "/opt/checkout", "bash", "-eux", "-c", script]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def boot(self, script: str) -> str:
        """Start systemd, let it run a script as a service, and return what that printed; fails as the script does."""
        (self.checkout / "script.sh").write_text(script)
        cgroup = self._directory / "cgroup"
        inside = [*self._bwrap(), "--bind", str(self._directory / "home"), "/root", "--unshare-net"]
        inside += [
            "--bind",
            str(cgroup),
            "/sys/fs/cgroup",
            "--as-pid-1",
            "--setenv",
            "container",
            "bubblewrap",
        ]
        systemd = [str(SYSTEMD), "--system", "--unit=script.service", "--show-status=0"]
        group = f"machine-{os.getpid()}"
        try:
            done = self._in_own_mounts(_ENTER_GROUP, str(cgroup), group, *inside, *systemd)
        finally:
            self._in_own_mounts(_REMOVE_GROUP, str(cgroup), group)
        printed = self._printed()
        assert done.returncode == 0, f"{printed}\n{done.stdout}{done.stderr}"
        return printed

    @staticmethod
    def _in_own_mounts(code: str, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["unshare", "--mount", "sh", "-ec", code, "sh", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def _printed(self) -> str:
        file = self._directory / "run/script.out"
        return file.read_text(errors="replace") if file.exists() else ""

    def _bwrap(self) -> Sequence[str]:
        own = {"etc": "/etc", "var": "/var", "opt": "/opt", "run": "/run", "bin": "/usr/local/bin"}
        binds = [
            word for name, place in own.items() for word in ("--bind", str(self._directory / name), place)
        ]
        places = ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
        return ["bwrap", "--die-with-parent", "--unshare-pid", "--unshare-ipc", *places, *binds]
