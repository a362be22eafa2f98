"""Entry point of `ambassador-server`; says what is missing when the server extra is not installed."""

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["--version"]:
        from ambassador_protocol import __version__

        sys.stdout.write(f"ambassador-server {__version__}\n")
        return
    if find_spec("aiohttp") is None or find_spec("sqlalchemy") is None:
        sys.stderr.write(
            # Without --force pipx leaves what is installed as it is. A path, because no index has the distribution.
            "error: AMB-5003 The server is not installed here.\n"
            "hint: add it from a checkout or a wheel: pipx install --force 'PATH[server]'\n"
        )
        raise SystemExit(1)
    from ambassador_server.cli.app import run

    run()


if __name__ == "__main__":
    main()
