"""Entry point: answers `--version` before anything heavy is imported, and hands everything else to the CLI."""

import sys

from ambassador_protocol import __version__


def main() -> None:
    """Run `ambassador-admin` and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"ambassador-admin {__version__}\n")
        return
    try:
        from ambassador_admin.cli.app import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
