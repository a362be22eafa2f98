"""Starts the browser of the user, if there is one that the user sees."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Final

_OPEN: Final = (
    "import signal, sys, webbrowser; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "sys.excepthook = lambda *_: None; sys.exit(not webbrowser.open(sys.argv[1]))"
)


def has_browser(environ: Mapping[str, str]) -> bool:
    """Tell whether a browser that this command starts is seen by the user."""
    if environ.get("BROWSER"):
        return True
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def open_browser(url: str) -> Callable[[], bool]:
    """Start a browser, and return a function that tells whether that has failed.

    It is started by a process of its own, as `webbrowser` may wait until the user closes the window. What it writes is
    no output of this command.
    """
    try:
        # -I: a file of the current directory is never taken for a module.
        started = subprocess.Popen([sys.executable, "-I", "-c", _OPEN, url], stdout=2)  # noqa: S603 - no shell
    except OSError:
        return lambda: True
    return lambda: started.poll() not in (None, 0)


def is_web_address(value: object) -> bool:
    """Tell whether a browser may be started with a value; a file or an option of the browser is no address."""
    return isinstance(value, str) and re.fullmatch(r"https?://[\x21-\x7e]+", value) is not None
