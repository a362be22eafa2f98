"""A stranger's walk: what the README says, from a checkout with nothing installed to the first governed call."""

import re
import shlex
from pathlib import Path

import pytest

from tests.packaging.install import ROOT, Pipx, copy_sources
from tests.quickstart import FREE_PORTS, serving, uvx_of_here

# An environment is filled: minutes where the way to the package index is long.
pytestmark = [pytest.mark.timeout(600), pytest.mark.endurance]

README = (ROOT / "README.md").read_text()
COMMANDS = [shlex.split(command) for command in re.findall(r"^\$ (.+)$", README, re.MULTILINE)]


def command(*beginning: str) -> list[str]:
    """Return the last command of the README that begins with these words."""
    return [words for words in COMMANDS if words[: len(beginning)] == list(beginning)][-1]


def test_the_readme_alone_leads_from_a_checkout_to_the_first_governed_call(tmp_path: Path) -> None:
    installed = Pipx(tmp_path)
    program, *words = command("pipx", "install", ".[server]")
    installed.pipx(*words, cwd=copy_sources(tmp_path / "checkout"))
    installed.home.mkdir()
    path = f"{uvx_of_here(tmp_path / 'uv')}:{installed.bin}:/usr/bin:/bin"
    environment = installed.person(PATH=path, **FREE_PORTS)
    program, _, *words = command("ambassador-server", "quickstart")
    with serving(installed.home, words, environment, program=installed.bin / program) as quickstart:
        installed.run(*quickstart.line("ambassador-client"))
        called = installed.run(*command("ambassador-client", "call"))
    assert '"timezone": "Europe/Zurich"' in called.stdout
