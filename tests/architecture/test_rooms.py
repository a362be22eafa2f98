"""Every module lies in a folder, and every boundary between folders has an import contract."""

from configparser import ConfigParser

import pytest

from tests.architecture.test_sizes import PACKAGES, ROOT

SERVER = ROOT / "ambassador_server"


def _contracts() -> list[dict[str, str]]:
    config = ConfigParser()
    config.read(ROOT / ".importlinter")
    return [dict(config[name]) for name in config.sections() if name.startswith("importlinter:contract:")]


def _folders_of_folders() -> set[str]:
    """Return, as modules, the folders of the server that hold other folders."""
    inits = [path.parent for path in SERVER.rglob("__init__.py") if "migrations" not in path.parts]
    return {".".join(each.parent.relative_to(ROOT).parts) for each in inits if each != SERVER}


@pytest.mark.parametrize("folder", ["services", "domain"])
def test_every_module_lies_in_a_subfolder(folder: str):
    """Every file of the rules and the use cases lies in one of their folders."""
    flat = {path.name for path in (SERVER / folder).glob("*.py")}
    assert flat == {"__init__.py"}


def test_every_folder_of_folders_has_a_contract():
    """A new folder or file gets a place in a contract, which decides who may import it."""
    layered = {each["containers"] for each in _contracts() if each.get("exhaustive") == "True"}
    independent = {
        each["modules"].strip().removesuffix(".*")
        for each in _contracts()
        if each["type"] == "independence" and each["modules"].endswith(".*")
    }
    assert _folders_of_folders() - layered - independent == set()


def test_every_layer_contract_is_exhaustive():
    """Layers that are not exhaustive would allow any import of a new module."""
    layers = [each for each in _contracts() if each["type"] == "layers"]
    assert {each["containers"] for each in layers} >= set(PACKAGES) - {"ambassador_protocol"}
    assert [each["name"] for each in layers if each.get("exhaustive") != "True"] == []
    assert [each["name"] for each in layers if "exhaustive_ignores" in each] == []
