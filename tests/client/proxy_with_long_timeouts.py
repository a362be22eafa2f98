"""Starts the proxy with timeouts longer than any test, so that only the time limit of its exit ends a request."""

import sys

from ambassador_client.__main__ import main
from ambassador_client.link.http_client import HttpLimits

_SECONDS = 600.0

HttpLimits.__new__.__defaults__ = tuple(HttpLimits(connect=_SECONDS, control=_SECONDS))

if __name__ == "__main__":
    sys.exit(main())
