"""Starts the browser of the user, if there is one that the user sees."""

import os
import re
import sys
import webbrowser
from collections.abc import Mapping


def has_browser(environ: Mapping[str, str]) -> bool:
    """Tell whether a browser that this command starts is seen by the user."""
    if environ.get("BROWSER"):
        return True
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def open_browser(url: str) -> bool:
    """Start a browser; what it writes is no output of this command."""
    sys.stdout.flush()
    output = os.dup(1)
    try:
        os.dup2(2, 1)
        return webbrowser.open(url)
    finally:
        os.dup2(output, 1)
        os.close(output)


def is_web_address(value: object) -> bool:
    """Tell whether a browser may be started with a value; a file or an option of the browser is no address."""
    return isinstance(value, str) and re.fullmatch(r"https?://[\x21-\x7e]+", value) is not None
