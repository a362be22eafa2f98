"""The number of random examples and repeated rounds: few in `make test`, many in `make soak`."""

import os
from typing import TypeVar

from hypothesis import HealthCheck, settings

SOAK = int(os.environ.get("SOAK", "1"))
"""How many times as many examples and rounds as in the gate."""

_EXAMPLES = 50
"""How many examples a property is tried on that does not say so itself."""


T = TypeVar("T")


def only_in_soak(*rows: T) -> list[T]:
    """Return rows of a table that are left to `make soak`, because another row stands for their kind."""
    return list(rows) if SOAK > 1 else []


def examples(number: int) -> settings:
    """Return the settings of a property that `make test` tries on this many examples."""
    return settings(max_examples=number * SOAK)


def choose_profile() -> None:
    """Set our defaults of Hypothesis: no deadline, because an example takes longer on a loaded machine."""
    settings.register_profile(
        "ours",
        max_examples=_EXAMPLES * SOAK,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ours")
