"""Entry point of the command `ambassador-client`: reads the arguments before it imports a library."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper

_HUMAN_OPTIONS = ("--help", "-h", "--version")


def main() -> int:
    """Run the command and return its exit code."""
    try:
        return _run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        from ambassador_protocol import __version__

        sys.stdout.write(f"ambassador-client {__version__}\n")
        return 0
    if _is_proxy(arguments):
        return _proxy(arguments[1:] if arguments[:1] == ["proxy"] else arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        # A pipe on Windows accepts only the characters of its code page.
        sys.stdout.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdin, TextIOWrapper):
        # What is typed may have any bytes; each reader refuses what is no text, in its own words.
        sys.stdin.reconfigure(errors="surrogateescape")
    from ambassador_client.cli.app import run

    return run(arguments, _proxy)


def _proxy(arguments: Sequence[str]) -> int:
    from ambassador_client.proxy.main import main as relay

    return relay(arguments)


def _is_proxy(arguments: list[str]) -> bool:
    """Tell whether a host application started the process: no argument, the word `proxy`, or the original's flags."""
    if arguments:
        first = arguments[0]
        return first == "proxy" or (first.startswith("--") and first not in _HUMAN_OPTIONS)
    return sys.stdin is None or not sys.stdin.isatty()


if __name__ == "__main__":
    sys.exit(main())
