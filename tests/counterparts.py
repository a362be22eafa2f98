"""Installs every locked package of the counterparts of tests, so that few tests wait for the network.

The whole test run starts this at its beginning; a test that needs a package still installs it itself, or waits for it.
"""

import json
from concurrent.futures import ThreadPoolExecutor

from tests import node, python_homes


def install_node_packages() -> None:
    """Install the packages of each file in `node_locks`."""
    for lock_file in sorted(node.LOCKS.glob("*.json")):
        wanted = json.loads(lock_file.read_text())["packages"][""]["dependencies"]
        node.packages(*(f"{name}@{version}" for name, version in wanted.items()))


def install_python_packages() -> None:
    """Install the packages of each file in `python_locks`."""
    for lock_file in sorted(python_homes.LOCKS.glob("*.txt")):
        python_homes.home(lock_file.stem.replace("@", "=="))


def main() -> None:
    """Install both kinds at the same time."""
    with ThreadPoolExecutor() as pool:
        for installing in [pool.submit(install_node_packages), pool.submit(install_python_packages)]:
            installing.result()


if __name__ == "__main__":
    main()
