"""The commands `connect`, `disconnect` and `connections`: access to MCPs by OAuth, in the user's own name."""

import os
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from ambassador_client.account.browser import has_browser, is_web_address
from ambassador_client.account.loopback_listener import LoopbackListener
from ambassador_client.cli.command import Run, command
from ambassador_client.cli.credentials import own_path, row
from ambassador_client.cli.output import is_for_programs, show, show_rows
from ambassador_client.errors import BadAnswerError, NotConnectedError, UsageError
from ambassador_protocol.paths import OWN_CONNECTIONS

_LONGEST_CODE: Final = 64
_LONGEST_INTERVAL: Final = 60
_CODE: Final = re.compile(r"[2-9A-Z]{5}-[2-9A-Z]{5}")
_PAGE: Final = (
    b'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Connected</title></head>\n'
    b"<body><main><h1>You have consented</h1><p>You can close this page and go back to the command.</p>"
    b"</main></body></html>\n"
)

_Mcp = Annotated[str, typer.Argument(metavar="MCP", help="The name of the MCP.")]
_NoBrowser = Annotated[
    bool,
    typer.Option("--no-browser", help="Print the address to open on any machine, and ask for the code."),
]
_Device = Annotated[
    bool, typer.Option("--device", help="Enter a code at the provider instead, where it offers that.")
]


def register(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "connect", connect, changes=True)
    command(app, "disconnect", disconnect, changes=True)
    command(app, "connections", connections)


def connect(run: Run, mcp: _Mcp, no_browser: _NoBrowser = False, device: _Device = False) -> int:
    """Grant the server access to an MCP in your name. Your browser opens the page where you consent.

    Over SSH, or without a display, open the printed address on any machine, and type the code that the page shows.

    Example: ambassador-client connect github
    """
    if no_browser and device:
        raise UsageError("--no-browser and --device cannot be used together", "Choose one.")
    if device:
        done = _with_device(run, mcp)
    elif no_browser or not has_browser(os.environ):
        done = _with_typed_code(run, mcp)
    else:
        done = _with_browser(run, mcp)
    show(done if is_for_programs(run.output) else row(done), run.output)
    return 0


def disconnect(run: Run, mcp: _Mcp) -> int:
    """End the access to an MCP that you have granted, also at its provider, where that offers it.

    Example: ambassador-client disconnect github
    """
    revoked = run.server.request("DELETE", f"{own_path(mcp)}/connect").get("revoked")
    said: Mapping[object, str] = {
        True: "Its provider has revoked the access, too.",
        False: "Its provider offers no way to revoke the access; you can do that in your account there.",
    }
    later = "Its provider does not answer; the server tells it later."
    run.say(f"The server has no access to {mcp} in your name any more. {said.get(revoked, later)}")
    return 0


def connections(run: Run) -> int:
    """List the MCPs that you connect to, whether you have, and with which scopes. No secret is shown.

    Example: ambassador-client connections
    """
    found = run.server.request("GET", OWN_CONNECTIONS).get("connections")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _unreadable()
    if found or is_for_programs(run.output):
        show_rows(found, run.output)
    else:
        run.say("No MCP that you are granted is connected to by OAuth.")
    return 0


def _with_browser(run: Run, mcp: str) -> dict[str, Any]:
    """Let the browser of this machine come back to this command with the code."""
    with LoopbackListener("/", _read_code, _PAGE) as listener:
        begun = _begin(run, mcp, {"return_port": listener.port})
        url = str(begun.get("url"))
        run.say(f"Your browser opens this page; consent there: {url}")
        code = listener.open_and_wait(url, run.say, _seconds_left(begun))
    if code is None:
        raise _too_late(mcp)
    return _finish(run, mcp, begun, code)


def _read_code(parameters: Mapping[str, str]) -> str | None:
    found = parameters.get("code", "")
    return found if _CODE.fullmatch(found) else None


def _with_typed_code(run: Run, mcp: str) -> dict[str, Any]:
    begun = _begin(run, mcp, {})
    run.say(f"Open this address in a browser, on any machine, and consent there: {begun.get('url')}")
    sys.stderr.write("The code that the page shows: ")
    sys.stderr.flush()
    code = "" if sys.stdin is None else sys.stdin.readline(_LONGEST_CODE).strip()
    if not code:
        raise UsageError("the code is missing", "Type it, or write it to stdin.")
    return _finish(run, mcp, begun, code)


def _with_device(run: Run, mcp: str) -> dict[str, Any]:
    """Ask until the user has entered the code at the provider."""
    begun = _begin(run, mcp, {"device": True})
    run.say(
        f"Open {begun.get('verification_uri')} on any machine and enter the code {begun.get('user_code')}"
    )
    interval = begun.get("interval")
    ends = time.monotonic() + _seconds_left(begun)
    while time.monotonic() < ends:
        time.sleep(min(interval, _LONGEST_INTERVAL) if isinstance(interval, int) else _LONGEST_INTERVAL)
        answer = _finish(run, mcp, begun, "")
        if "mcp" in answer:
            return answer
        interval = answer.get("interval")
    raise _too_late(mcp)


def _begin(run: Run, mcp: str, body: Mapping[str, Any]) -> dict[str, Any]:
    begun = run.server.request("POST", f"{own_path(mcp)}/connect", body)
    shown = begun.get("verification_uri") if body.get("device") else begun.get("url")
    if not isinstance(begun.get("ticket"), str) or not is_web_address(shown):
        raise _unreadable()
    return begun


def _finish(run: Run, mcp: str, begun: Mapping[str, Any], code: str) -> dict[str, Any]:
    body = {"ticket": begun["ticket"], "code": code}
    return run.server.request("POST", f"{own_path(mcp)}/connect/finish", body)


def _seconds_left(begun: Mapping[str, Any]) -> float:
    try:
        ends = datetime.fromisoformat(str(begun.get("expires_at")))
        return max((ends - datetime.now(UTC)).total_seconds(), 1.0)
    except (ValueError, TypeError):
        raise _unreadable() from None


def _too_late(mcp: str) -> NotConnectedError:
    return NotConnectedError("nobody has consented in time", f"Run: ambassador-client connect {mcp}")


def _unreadable() -> BadAnswerError:
    return BadAnswerError(
        "the server's answer cannot be read", "Check that client and server have the same version."
    )
