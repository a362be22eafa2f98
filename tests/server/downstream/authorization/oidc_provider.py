"""Runs the package oidc-provider, an authorization server by others, and a browser whose user consents."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from yarl import URL

from tests.node import node, packages

PACKAGE = "oidc-provider@9.13.3"
_SCRIPT = Path(__file__).parents[3] / "fakes" / "oidc_provider.mjs"


@contextmanager
def oidc_provider(document: Mapping[str, object] | None = None, **more: object) -> Iterator[str]:
    """Yield its URL, below which the MCP is `/mcp`; it reads `document` as the document of any client."""
    options = json.dumps({"document": document, **more})
    with subprocess.Popen(
        [node(), _SCRIPT, packages(PACKAGE), options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


class Browser:
    """A browser that follows redirects up to one to a redirect URI, and submits the forms of the device page."""

    def __init__(self, account: str | None = None) -> None:
        cookies = None if account is None else {"account": account}
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), cookies=cookies)

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def callback(self, url: str, redirect_uri: str) -> Mapping[str, str]:
        """Open a URL; return the parameters with which the browser comes back to the redirect URI."""
        here = URL(url, encoded=True)
        for _ in range(10):
            async with self._session.get(here, allow_redirects=False) as page:
                assert page.status in (302, 303), await page.text()
                here = here.join(URL(page.headers["Location"], encoded=True))
            if str(here).startswith(redirect_uri):
                return dict(here.query)
        raise AssertionError("too many redirects")

    async def enter_code(self, url: str) -> None:
        """Open the page of a device flow, confirm the code, and consent."""
        async with self._session.get(url) as page:
            form = _form(await page.text())
        async with self._session.post(form.pop("action"), data=form) as page:
            form = _form(await page.text())
        async with self._session.post(form.pop("action"), data=form | {"confirm": "yes"}) as page:
            assert page.status == 200, await page.text()


def _form(html: str) -> dict[str, str]:
    action = re.search(r'<form[^>]* action="([^"]+)"', html)
    assert action, html
    fields = re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', html)
    return {**dict(fields), "action": action[1]}
