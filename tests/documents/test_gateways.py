"""What docs/gateways.md says is what the code does."""

import hashlib
import hmac
import re

import yaml

from ambassador_protocol.admin.issuer_presets import PRESETS
from ambassador_protocol.gateway_signature import SIGNED_SECONDS, GatewaySignature, signed_mac
from ambassador_server.crypto.gateway_signatures import MOST_REMEMBERED
from ambassador_server.domain.people.gateway_requests import GatewayFault
from ambassador_server.gateway_section import GatewaySection
from tests.documents.build import ROOT

TEXT = (ROOT / "docs" / "gateways.md").read_text()


def rows() -> dict[str, list[str]]:
    cells = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in TEXT.splitlines() if line[:3] == "| `"
    )
    return {first.strip("`"): [each.strip("`") for each in others] for first, *others in cells}


def test_presets_and_reasons_are_those_of_the_code() -> None:
    found = rows()
    gateways = {name: fields for name, fields in PRESETS.items() if fields.get("key_source") == "gateway"}
    assert {*found} == {*gateways, *map(str, GatewayFault)}
    for name, fields in gateways.items():
        assert found[name] == [*fields["user_claims"], fields["subject_claim"], *fields["group_claims"]]
    assert f"{MOST_REMEMBERED:,} signatures" in TEXT
    assert f"{SIGNED_SECONDS} seconds ago" in TEXT


def test_the_section_can_be_used_and_names_every_setting() -> None:
    (block,) = re.findall(r"```yaml\ngateway:\n.*?```", TEXT, re.S)
    section = yaml.safe_load(block.removeprefix("```yaml\n").removesuffix("```"))["gateway"]
    assert {*section} == {*GatewaySection.model_fields}
    GatewaySection.model_validate(section)
    for number in (0, 1):
        yaml.safe_load(re.findall(r"```yaml\n(.*?)```", TEXT, re.S)[number])


def test_the_lines_of_a_signature_are_what_is_signed() -> None:
    (block,) = re.findall(r"```\n(mcp-ambassador-gateway-1\n.*?)\n```", TEXT, re.S)
    lines = block.split("\n")
    signature = GatewaySignature(
        time=int(lines[3]), nonce=lines[4], body=lines[5], headers=("x-user-email", "x-user-groups"), mac=""
    )

    secret, values = b"any secret", [line.partition(":")[2] for line in lines[6:]]
    expected = hmac.new(secret, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    assert signed_mac(secret, lines[1], lines[2], signature, values) == expected
