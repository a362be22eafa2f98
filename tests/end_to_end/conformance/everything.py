"""Runs the conformance server of the SDK's own sources on a loopback port that it prints.

Run it with the folder of the sources; with `--legacy` after it the server refuses what is not of the legacy era, as one
does that knows no other. Its tools for that era ask over a stream that the modern era does not have.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.protocol_suite import ROOT
from tests.python_homes import source

_SDK = ("mcp==2.3.0", "8b147a50441cf059dc88c684e0aeed3687f0aa0f39c6cde7b90330effd2b34d8")


@contextmanager
def everything(*flags: str) -> Iterator[str]:
    """Run the server in a process of its own, and yield its address."""
    sources = source(*_SDK) / "examples" / "servers" / "everything-server"
    words = [sys.executable, "-m", __name__, str(sources), *flags]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def legacy_only(app: Any) -> Any:
    """Return an application that refuses requests of the modern era."""

    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        if dict(scope.get("headers", ())).get(b"mcp-protocol-version", b"") < b"2026":
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"Bad Request: Unsupported protocol version"})

    return refusing


def main() -> None:
    """Serve until killed."""
    sys.path.insert(0, sys.argv[1])
    import uvicorn  # noqa: PLC0415 # the tests that start this process import neither
    from mcp_everything_server.server import event_store, mcp  # noqa: PLC0415 # it is found only now

    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"url": f"http://localhost:{listening.getsockname()[1]}/mcp"}) + "\n")
    sys.stdout.flush()
    app = mcp.streamable_http_app(event_store=event_store, retry_interval=100)
    served = legacy_only(app) if "--legacy" in sys.argv else app
    uvicorn.Server(uvicorn.Config(served, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main()
