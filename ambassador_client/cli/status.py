"""The `status` command: one round trip with the server, as the proxy would make it."""

from dataclasses import dataclass
from typing import Any

from ambassador_client.account.settings import Settings
from ambassador_client.account.trust import ssl_context
from ambassador_client.errors import (
    ClientError,
    ServerRefusedError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_client.link import sessions
from ambassador_client.link.client import Link
from ambassador_protocol import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What was found; None means that it could not be found out."""

    server_url: str
    reachable: bool
    key_accepted: bool | None
    tools: int | None
    problem: ClientError | None

    def view(self) -> dict[str, Any]:
        """Return the JSON form."""
        problem = self.problem
        return {
            "server": self.server_url,
            "reachable": self.reachable,
            "key_accepted": self.key_accepted,
            "tools": self.tools,
            "client": __version__,
            "problem": None if problem is None else {"code": problem.code, "message": str(problem)},
        }


async def check_status(settings: Settings) -> Status:
    """Register, count the tools, and leave again."""
    tls = None
    if settings.is_encrypted:
        tls = ssl_context(ca_file=settings.ca_file, allow_self_signed=settings.allow_self_signed)
    link = Link(settings.server_url, tls)
    accepted: bool | None = None
    tools: int | None = None
    problem: ClientError | None = None
    try:
        granted = await sessions.register(link, settings.identity)
        accepted = True
        try:
            tools = len(await sessions.list_tools(link, granted.session_token))
        finally:
            await sessions.disconnect(link, granted)
    except ClientError as error:
        problem = error
        if isinstance(error, ServerRefusedError) and error.status == 401:
            accepted = False
    finally:
        link.close()
    return Status(
        server_url=settings.server_url,
        reachable=not isinstance(problem, UnreachableError | UntrustedCertificateError),
        key_accepted=accepted,
        tools=tools,
        problem=problem,
    )
