"""Settings for all tests."""

import signal

from hypothesis import settings

# No wall-clock limit for an example: on a busy machine it would fail at random.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# A shell that starts pytest in the background ignores Ctrl-C, and all child processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
