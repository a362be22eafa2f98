"""How hard tests try that draw their cases at random or repeat a round: a little in the gate, a lot in `make soak`."""

import os

from hypothesis import HealthCheck, settings

SOAK = int(os.environ.get("SOAK", "1"))
"""How many times as many examples and rounds as in the gate."""

_EXAMPLES = 50
"""How many examples a property is tried on that does not say so itself."""


def examples(number: int) -> settings:
    """Return the settings of a property that is tried on so many examples in the gate."""
    return settings(max_examples=number * SOAK)


def choose_profile() -> None:
    """Make the defaults of Hypothesis ours: how long an example takes is the load of the machine and no failure."""
    settings.register_profile(
        "ours",
        max_examples=_EXAMPLES * SOAK,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ours")
