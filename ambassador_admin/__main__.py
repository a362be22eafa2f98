"""Entry point; answers `--version` and shell completion before it imports the command line."""

import sys
from io import TextIOWrapper

from ambassador_protocol import __version__


def main() -> None:
    """Run `ambassador-admin` and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"ambassador-admin {__version__}\n")
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # A pipe on Windows cannot encode characters outside of its code page.
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.argv[1:2] == ["names"]:
        from ambassador_admin.completion.command import run as print_names

        print_names(sys.argv[2:])
    try:
        from ambassador_admin.cli.app import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
