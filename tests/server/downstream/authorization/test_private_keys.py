"""A declared secret that is a private key signs, and is never sent."""

from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.errors import RegistrationDeadError, RegistrationRefusedError
from ambassador_server.ports.authorization import Tokens
from tests.fakes.authorization_server import FakeAuthorizationServer, answer, refuse
from tests.server.downstream.authorization.support import NEEDS, known

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
OLD = Tokens(access_token="old-access", refresh_token="old-refresh")


@pytest.fixture
def reference(tmp_path: Path) -> str:
    (tmp_path / "key.pem").write_text(PEM)
    return f"file://{tmp_path / 'key.pem'}"


@pytest.mark.parametrize("offered", [["private_key_jwt"], ["client_secret_basic", "private_key_jwt"], []])
async def test_a_key_signs_for_the_issuer_of_the_server(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, reference: str, offered: list[str]
):
    fake.server["token_endpoint_auth_methods_supported"] = offered
    needs = replace(NEEDS, client_id="us", client_secret=reference, issuer=fake.base)
    server, registration = await known(client, fake, needs)
    fake.script("/token", answer({"access_token": "t"}), refuse("invalid_client", 401))
    await client.refresh(server, registration, OLD)
    with pytest.raises(RegistrationDeadError):
        await client.refresh(server, registration, OLD)
    await client.revoke(server, registration, OLD)
    seen = [*fake.sent_to("/token"), *fake.sent_to("/revoke")]
    assert len(seen) == 4
    used = set()
    for each in seen:
        assert "Authorization" not in each.headers
        assert each.form["client_id"] == "us"
        assert each.form["client_assertion_type"].endswith(":client-assertion-type:jwt-bearer")
        claims = jwt.decode(
            each.form["client_assertion"], KEY.public_key(), algorithms=["ES256"], audience=fake.base
        )
        assert (claims["iss"], claims["sub"]) == ("us", "us")
        assert claims["exp"] - claims["iat"] <= 60
        used.add(claims["jti"])
        assert "PRIVATE KEY" not in str(each)
    assert len(used) == 4, "each request has another"


@pytest.mark.parametrize("offered", [["client_secret_basic", "client_secret_post"], ["none"]])
async def test_a_server_that_takes_only_secrets_is_not_sent_the_key(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, reference: str, offered: list[str]
):
    fake.server["token_endpoint_auth_methods_supported"] = offered
    needs = replace(NEEDS, client_id="us", client_secret=reference, issuer=fake.base)
    with pytest.raises(RegistrationRefusedError, match="accepts no signature"):
        await known(client, fake, needs)
    assert all("PRIVATE KEY" not in str(each) for each in fake.seen)


async def test_a_server_that_revokes_by_secrets_alone_is_sent_a_signature(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, reference: str
):
    fake.server["token_endpoint_auth_methods_supported"] = ["private_key_jwt"]
    fake.server["revocation_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    needs = replace(NEEDS, client_id="us", client_secret=reference, issuer=fake.base)
    server, registration = await known(client, fake, needs)
    await client.revoke(server, registration, OLD)
    assert all("Authorization" not in each.headers for each in fake.seen)
    assert all("PRIVATE KEY" not in str(each) for each in fake.seen)
