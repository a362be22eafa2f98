"""Settings for all tests."""

import signal

from tests.effort import choose_profile

# A shell that starts pytest in the background ignores Ctrl-C, and all child processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

choose_profile()
