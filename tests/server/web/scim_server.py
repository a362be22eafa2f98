"""A server with an issuer that describes users by SCIM, and requests to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from ambassador_protocol.paths import ADMIN_KEY_HEADER
from ambassador_server.bootstrap.server import Ambassador, build
from ambassador_server.config import LimitsSection, ServerConfig
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Role
from ambassador_server.storage.migrate import upgrade

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass(frozen=True)
class ScimServer:
    """The admin API of a server; `key` is for SCIM of the issuer `okta`, `other` of the issuer `entra`."""

    server: Ambassador
    http: "TestClient[Any, Any]"
    key: str
    other: str
    admin: str

    async def scim(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        status: int | None = None,
        **how: Any,
    ) -> Any:
        """Send a SCIM request and return the answer."""
        headers = {"Authorization": f"Bearer {self.key if key is None else key}", **how.pop("headers", {})}
        if "data" not in how and body is not None:
            headers["Content-Type"] = "application/scim+json"
            how["json"] = body
        async with self.http.request(method, f"/scim/v2/{path}", headers=headers, **how) as answer:
            text = await answer.text()
            if status is not None:
                assert answer.status == status, (answer.status, text)
            return await answer.json(content_type=None) if text else None

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Send a request of an administrator and return the answer."""
        headers = {ADMIN_KEY_HEADER: self.admin}
        async with self.http.request(method, f"/v1/admin/{path}", json=body, headers=headers) as answer:
            assert answer.status == status, (answer.status, await answer.text())
            return await answer.json(content_type=None) if answer.status != 204 else None

    async def patch(self, path: str, *operations: dict[str, Any], status: int | None = None) -> Any:
        """Send a PATCH, and return the resource."""
        answer = await self.patch_only(path, *operations, status=status)
        return await self.scim("GET", path) if status is None or status < 300 else answer

    async def patch_only(self, path: str, *operations: dict[str, Any], status: int | None = 204) -> Any:
        """Send a PATCH, and return its answer."""
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return await self.scim("PATCH", path, body, status=status)

    async def user(self, user_name: str, /, **members: Any) -> Any:
        """Create a user."""
        return await self.scim(
            "POST", "Users", {"schemas": [USER], "userName": user_name, **members}, status=201
        )


@asynccontextmanager
async def scim_server(directory: Path) -> AsyncIterator[ScimServer]:
    """Run a server."""
    config = ServerConfig(data_dir=directory, tls="off", limits=LimitsSection(failed_logins="100000/minute"))
    await upgrade(config.store_url)
    server = await build(config, writer="test")
    keys, requester = server.services.administration.admin_keys, Requester(None, None)
    _, admin = await keys.issue(requester, name="root", roles=(Role.ADMIN,), lifetime=None)
    async with TestClient(TestServer(server.admin_app(None))) as http:
        for name in ("okta", "entra"):
            issuer = {
                "name": name,
                "url": f"https://{name}.example.com",
                "audiences": ["a"],
                "group_prefix": f"{name}.",
            }
            async with http.post(
                "/v1/admin/issuers", json=issuer, headers={ADMIN_KEY_HEADER: admin}
            ) as answer:
                assert answer.status == 201, await answer.text()
        secrets = [
            (
                await keys.issue(
                    requester, name=f"{name}-scim", roles=(Role.SCIM,), lifetime=None, issuer=name
                )
            )[1]
            for name in ("okta", "entra")
        ]
        yield ScimServer(server, http, *secrets, admin)
    await server.close()
