"""Hosts by others, mcp-remote and Inspector, log in by each of the three ways to a client, and call a tool."""

import asyncio
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.end_to_end import host_logins
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import give_public_url
from tests.end_to_end.host_logins import Browser, server_of, trust_hosts
from tests.end_to_end.test_legacy_sse import BRIDGE
from tests.end_to_end.world import Downstream, World, running, until
from tests.node import node, packages
from tests.patience import PATIENCE
from tests.rig import Rig
from tests.server.downstream.authorization.oidc_provider import oidc_provider

DOCUMENT = "https://app.example.com/host.json"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
HERE, KNOWN, DESCRIBED = "registers itself here", "pre-registered", "client-id document"


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        give_public_url(started, started.rig.client_url)
        yield started


@pytest.fixture(scope="module")
def port() -> int:
    """Return a port at which a host can wait for its browser."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def provider(world: World, port: int) -> Iterator[str]:
    document = {
        "client_id": DOCUMENT,
        "client_name": "A host",
        "application_type": "native",
        "redirect_uris": [f"http://{host}:{port}/oauth/callback" for host in ("localhost", "127.0.0.1")],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    resource = f"{world.rig.client_url}/mcp"
    with oidc_provider(document, resource=resource, groups=["eng"]) as url:
        yield url


@pytest.fixture(params=[HERE, KNOWN, DESCRIBED])
def way(world: World, provider: str, request: pytest.FixtureRequest) -> str:
    """Trust the issuer; a host that has a client at the provider is pointed to it."""
    body = trust_hosts(world, provider, group_map={"eng": world.group("tools")})
    if request.param != HERE:
        world.ask("PUT", "issuers/login", {**body, "host_client_id": None, "host_client_secret": None})
    return str(request.param)


def test_mcp_remote_logs_in(world: World, provider: str, port: int, tmp_path: Path, way: str) -> None:
    redirect, account = f"http://localhost:{port}/oauth/callback", world.fresh("person")
    flags = {
        HERE: [],
        KNOWN: ["--static-oauth-client-info", json.dumps({"client_id": _client_at(provider, redirect)})],
        DESCRIBED: ["--client-metadata-url", DOCUMENT],
    }[way]
    script = packages(BRIDGE) / "node_modules/mcp-remote/dist/proxy.js"
    log = tmp_path / "log"

    async def call() -> Any:
        bridge = StdioServerParameters(
            command=str(node()),
            args=[str(script), f"{world.rig.client_url}/mcp", str(port), "--allow-http", *flags],
            env=_environment(tmp_path),
        )
        with log.open("w") as errors:
            browsing = asyncio.create_task(asyncio.to_thread(_browse, log, redirect, account))
            async with Client(stdio_client(bridge, errlog=errors), mode="legacy") as host:
                answer = await host.call_tool("tools__echo", {"text": "hello"})
            return answer, await browsing

    answer, opened = asyncio.run(asyncio.wait_for(call(), PATIENCE))
    assert answer.content[0].text == "hello"
    _assert_logged_in(world, provider, account, opened, way)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_inspector_logs_in(
    world: World, provider: str, port: int, tmp_path: Path, way: str, era: str
) -> None:
    redirect, account = f"http://127.0.0.1:{port}/oauth/callback", world.fresh("person")
    flags = {
        HERE: [],
        KNOWN: ["--client-id", _client_at(provider, redirect)],
        DESCRIBED: ["--client-metadata-url", DOCUMENT],
    }[way]
    script = (
        packages(INSPECTOR) / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    )
    call = ["--method", "tools/call", "--tool-name", "tools__echo", "--tool-arg", "text=hello"]
    words = [node(), script, "--cli", f"{world.rig.client_url}/mcp", "--transport", "http", *call, *flags]
    more = ["--callback-url", redirect, "--protocol-era", era, "--format", "json"]
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*words, *more], env=_environment(tmp_path), stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            opened = _browse(log, redirect, account)
            output, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0, log.read_text()
    assert "hello" in output
    _assert_logged_in(world, provider, account, opened, way)


def _environment(home: Path) -> dict[str, str]:
    """Return what a host needs; Inspector asks people alone, and the browser that it opens is none: the test is."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "BROWSER": "true", "MCP_AUTO_OPEN_ENABLED": "true"}


def _client_at(provider: str, redirect: str) -> str:
    return str(host_logins.registered(provider, redirect, secret=False)["client_id"])


def _browse(log: Path, redirect: str, account: str) -> str:
    """Open the page that a host prints, log in, and go back to the host."""
    pattern = re.compile(r"https?://\S+[?&]response_type=code\S*(?=\s)")
    found = until(lambda: pattern.search(log.read_text()), "the host prints a page")
    assert found is not None
    page, browser = found[0], Browser(account)
    at_provider = page if "/oauth/hosts/" not in urlsplit(page).path else browser.decide(page)
    assert browser.send("GET", browser.follow(at_provider, redirect)).status_code == 200
    return page


def _assert_logged_in(world: World, provider: str, account: str, opened: str, way: str) -> None:
    start = f"{server_of(world)}/authorize?" if way == HERE else f"{provider}/auth?"
    assert opened.startswith(start)
    assert world.ask("GET", f"users/{account}")["source"] == "external"
    assert world.events(action="session:token:accept", user=account)
