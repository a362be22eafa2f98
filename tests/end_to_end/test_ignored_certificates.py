"""A forwarded certificate that nobody may forward is nothing on any listener, however it is spelt, and is recorded."""

import itertools
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ambassador_protocol.gateway_signature import SIGNATURE_HEADER
from tests.authorities import Authority, dns, email
from tests.end_to_end.faces import MODERN
from tests.end_to_end.gateways import GATEWAY_NAME, SECRET, as_sent_by_users, identity, rules, signature
from tests.end_to_end.test_forged_headers import ignored
from tests.end_to_end.test_forwarded_certificates import forwarded
from tests.end_to_end.world import World, end, until
from tests.patience import PATIENCE
from tests.rig import Rig

EDGES, PEOPLE = Authority("Gateways"), Authority("People")
BELOW = Authority("Below", PEOPLE)
HEADERS = forwarded(BELOW.issue(email("victim@acme.example")))
SPELLINGS = (
    ("Client-Cert",),
    ("client-cert-chain",),
    ("CLIENT_CERT",),
    ("Client_Cert",),
    ("Client-Cert_Chain",),
    ("client_cert_chain",),
    ("Client-Cert", "Client-Cert-Chain"),
    ("Client-Cert", "Client-Cert"),
    ("Client-Cert", "client_cert", "Client-Cert-Chain"),
)
ADDRESSES = (f"127.0.9.{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def world(directory: Path) -> Iterator[World]:
    """Run a server whose gateway may forward no certificates."""
    (directory / "secret").write_text(SECRET)
    (directory / "edges.pem").write_text(EDGES.pem)
    gateway = {
        "name": "edge",
        "host": "127.0.0.1",
        "port": 0,
        "client_ca_file": str(directory / "edges.pem"),
        "allowed_names": [f"dns:{GATEWAY_NAME}"],
        "secrets": [f"file://{directory / 'secret'}"],
    }
    configured = directory / "server.yaml"
    configured.write_text(json.dumps({"gateway": gateway, "limits": {"failed_logins": "100000/minute"}}))
    rig = Rig(directory, is_preloaded=True, server_flags=("--config", str(configured)))
    rig.init()
    try:
        rig.start()
        world = World(rig)
        with connected(rig, "port") as world.http, connected(rig, "admin_port") as world.admin:
            world.admin.headers["X-Admin-Key"] = rig.facts["admin_key"]
            world.ask("PUT", "issuers/edge", rules())
            yield world
    finally:
        end(rig)


@contextmanager
def connected(rig: Rig, port: str, address: str | None = None) -> Iterator[httpx.Client]:
    """Connect to a listener from an address of this machine; to that of the gateway as the gateway."""
    context = ssl.create_default_context(cafile=rig.facts["ca_file"])
    if port == "gateway_port":
        context.load_cert_chain(*EDGES.issue(dns(GATEWAY_NAME)).files(rig.directory, "edge"))
    transport = httpx.HTTPTransport(verify=context, local_address=address)
    url = f"https://127.0.0.1:{rig.ports[port]}"
    with httpx.Client(base_url=url, transport=transport, timeout=PATIENCE) as client:
        yield client


def values(names: tuple[str, ...]) -> list[tuple[str, str]]:
    chained = {name: "chain" in name.lower() for name in names}
    return [(name, HEADERS["Client-Cert-Chain" if chained[name] else "Client-Cert"]) for name in names]


@pytest.mark.parametrize("names", SPELLINGS, ids=" ".join)
@pytest.mark.parametrize("way", ["port", "admin_port", "gateway_port", "signed"])
def test_certificates_that_nobody_may_forward_are_recorded_on_every_listener(
    world: World, way: str, names: tuple[str, ...]
) -> None:
    address, before = next(ADDRESSES), ignored(world)
    wire = as_sent_by_users(MODERN.listing(""))
    own = {**wire.headers, **(identity("alice@acme.example") if way in ("gateway_port", "signed") else {})}
    if way == "signed":
        own[SIGNATURE_HEADER] = signature(wire, identity("alice@acme.example"))
    with connected(world.rig, "port" if way == "signed" else way, address) as client:
        if way == "admin_port":
            response = client.get("/v1/admin/users", headers=values(names))
        else:
            sent = [*own.items(), *values(names)]
            response = client.request(wire.method, wire.path, headers=sent, content=wire.body)
    assert response.status_code == (200 if way in ("gateway_port", "signed") else 401)
    assert "victim" not in response.text
    assert ignored(world) == before + 1
    (event,) = until(lambda: recorded(world, address), "what is ignored is recorded")
    assert {*event["details"]["headers"]} == {name.lower().replace("_", "-") for name in names}
    expected = "certificates_not_read" if way in ("gateway_port", "signed") else "not_from_gateway"
    assert event["reason"] == expected
    assert HEADERS["Client-Cert"][1:40] not in json.dumps(event)


def recorded(world: World, address: str) -> list[dict[str, object]]:
    events = world.events(action="session:gateway:ignore")
    return [each for each in events if each["actor"].get("address") == address or address in json.dumps(each)]


def test_headers_that_a_gateway_always_sends_are_not_recorded(world: World) -> None:
    address, before = next(ADDRESSES), ignored(world)
    wire = as_sent_by_users(MODERN.listing(""))
    with connected(world.rig, "gateway_port", address) as client:
        sent = {**wire.headers, **identity("alice@acme.example"), "X-Auth-Source": "entra"}
        assert client.request(wire.method, wire.path, headers=sent, content=wire.body).status_code == 200
    assert ignored(world) == before
