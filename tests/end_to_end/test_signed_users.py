"""With `signed_users`, plain headers of the gateway never suffice; only the signed user of Open WebUI does."""

import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.gateways import SECRET, GatewayCaller, identity, rules
from tests.end_to_end.world import Downstream, World, running
from tests.rig import Rig

JWT_SECRET = "the secret that Open WebUI signs with"


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    for name, secret in (("gateway-secret", SECRET), ("webui", JWT_SECRET)):
        (directory / name).write_text(secret)
    gateway = {"name": "edge", "secrets": [f"file://{directory / 'gateway-secret'}"], "signed_users": True}
    with running(directory, prepared, gateway=gateway) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        group = started.group("tools")
        started.ask("PUT", "issuers/edge", rules(eng=group))
        words = ("--preset", "open-webui", "--secret", f"file://{directory / 'webui'}", "--create-users")
        started.rig.admin("issuer", "add", "webui", *words, "--map", f"eng={group}")
        yield started


@pytest.mark.parametrize("face", FACES, ids=str)
def test_plain_headers_never_suffice(world: World, face: Face) -> None:
    user = f"{world.fresh('user')}@acme.example"
    plain = GatewayCaller(world.http, identity(user, "eng"), signs=True)
    response = plain.send(face.listing(""))
    assert response.status_code == 401
    assert "no_signed_user" in response.text
    now = int(time.time())
    claims = {"iss": "open-webui", "sub": "7", "email": user, "groups": ["eng"], "iat": now, "exp": now + 60}
    token = {"X-OpenWebUI-User-Jwt": jwt.encode({**claims, "sub": user}, JWT_SECRET)}
    signed = GatewayCaller(world.http, {**identity("other@acme.example"), **token}, signs=True)
    assert "tools__echo" in signed.names(face)
    assert signed.call(face, "tools__echo", {"text": "hello"}).text == "hello"
