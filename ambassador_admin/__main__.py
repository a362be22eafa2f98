"""Entry point: `--version` and shells that complete are answered before anything heavy is imported; then the CLI."""

import sys
from io import TextIOWrapper

from ambassador_protocol import __version__


def main() -> None:
    """Run `ambassador-admin` and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"ambassador-admin {__version__}\n")
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # A pipe of Windows takes the characters of one code page alone.
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.argv[1:2] == ["names"]:
        from ambassador_admin.completion.command import run as answer

        answer(sys.argv[2:])
    try:
        from ambassador_admin.cli.app import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
