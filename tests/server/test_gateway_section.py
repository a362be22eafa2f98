"""A gateway that could not prove itself is refused by the configuration, before anything is served."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ambassador_server.config import load_config
from ambassador_server.errors import ConfigurationError

LISTENER = {"host": "127.0.0.1", "client_ca_file": "/ca.pem", "allowed_names": ["dns:edge.acme.example"]}


def load(tmp_path: Path, gateway: dict[str, Any], **more: Any) -> Any:
    file = tmp_path / "ambassador.yaml"
    file.write_text(yaml.safe_dump({"gateway": gateway, **more}))
    return load_config({}, {}, file)


@pytest.mark.parametrize(
    ("gateway", "more", "words"),
    [
        ({"host": "127.0.0.1"}, {}, "client_ca_file"),
        ({**LISTENER, "allowed_names": []}, {}, "allowed_names"),
        ({**LISTENER, "allowed_names": ["edge.acme.example"]}, {}, "dns:"),
        ({**LISTENER, "allowed_names": ["dns:*.acme.example"]}, {}, "wildcards"),
        ({**LISTENER, "allowed_names": ["subject:CN=edge"]}, {}, "dns:"),
        ({"client_ca_file": "/ca.pem"}, {}, "host"),
        (LISTENER, {"tls": "off"}, "tls"),
        ({**LISTENER, "port": 8443}, {}, "port"),
        ({**LISTENER, "port": 9443}, {}, "admin_port"),
        ({"secrets": ["a plain secret that is long enough for it"]}, {}, "secrets"),
        ({"secrets": ["env://A", "env://B", "env://C"]}, {}, "secrets"),
        ({"secret": "env://A"}, {}, "secrets"),
        ({"name": "two words"}, {}, "name"),
    ],
)
def test_a_gateway_that_anyone_could_be_is_refused(
    tmp_path: Path, gateway: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, gateway, **more)
    assert words in refused.value.message
    assert "a plain secret" not in refused.value.message


def test_names_are_compared_in_small_letters_and_no_gateway_is_the_default(tmp_path: Path) -> None:
    section = load(
        tmp_path, {**LISTENER, "allowed_names": ["dns:Edge.Acme.example", "uri:spiffe://Acme/e"]}
    ).gateway
    assert section.allowed_names == ("dns:edge.acme.example", "uri:spiffe://Acme/e")
    assert section.is_configured
    assert not load(tmp_path, {}).gateway.is_configured
