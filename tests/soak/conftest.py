"""Leaves these rounds out of the gate, which has no time for them."""

from tests.effort import SOAK
from tests.end_to_end.conftest import directory, prepared, shared_downstream, tools

__all__ = ["directory", "prepared", "shared_downstream", "tools"]

collect_ignore_glob = ["test_*.py"] if SOAK == 1 else []
