"""Hosts of both eras: the client of the SDK over streamable HTTP, and what it was told and asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.patience import PATIENCE

VERSIONS = {"legacy": "2025-11-25", "modern": "2026-07-28"}
ANSWERS = {"name": "Ada", "colour": "green"}
ROOTS = ["file:///one", "file:///two"]
MODEL = "small-model"


@dataclass
class Told:
    """What a host was told and asked, in order."""

    questions: list[Any] = field(default_factory=list)
    logs: list[tuple[str, Any, str | None]] = field(default_factory=list)
    notices: list[Any] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def log(self, params: types.LoggingMessageNotificationParams) -> None:
        self.logs.append((params.level, params.data, params.logger))
        await self.note()

    async def notice(self, message: Any) -> None:
        self.notices.append(message)
        await self.note()

    async def note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Wait until this holds; return whether it does in time."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            return False
        return True

    async def elicit(self, _: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestFormParams)
        self.questions.append(params)
        wanted = params.requested_schema["properties"]
        return types.ElicitResult(action="accept", content={name: ANSWERS[name] for name in wanted})

    async def sample(self, _: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        self.questions.append(params)
        (message,) = params.messages
        assert isinstance(message.content, types.TextContent)
        said = types.TextContent(type="text", text=message.content.text.upper())
        return types.CreateMessageResult(role="assistant", content=said, model=MODEL)

    async def roots(self, _: Any) -> types.ListRootsResult:
        self.questions.append("roots")
        return types.ListRootsResult(roots=[types.Root(uri=uri) for uri in ROOTS])


@asynccontextmanager
async def host(
    url: str, key: str, era: str, told: Told | None = None, **more: Any
) -> AsyncIterator[tuple[Client, Told]]:
    """Connect a host of this era to an MCP endpoint, and disconnect it in the end."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE, trust_env=False) as http:
        transport = streamable_http_client(url, http_client=http)
        async with connected(transport, era, told or Told(), **more) as both:
            yield both


@asynccontextmanager
async def connected(transport: Any, era: str, told: Told, **more: Any) -> AsyncIterator[tuple[Client, Told]]:
    """Connect a host of this era over any transport, and disconnect it in the end."""
    async with Client(
        transport,
        mode="legacy" if era == "legacy" else "auto",
        cache=None,
        read_timeout_seconds=PATIENCE,
        elicitation_callback=told.elicit,
        sampling_callback=told.sample,
        list_roots_callback=told.roots,
        logging_callback=told.log,
        message_handler=told.notice,
        **more,
    ) as client:
        assert client.protocol_version == VERSIONS[era]
        yield client, told
