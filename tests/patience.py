"""The time limit of waits in tests, for events that must happen."""

PATIENCE = 60.0
"""Seconds, enough for a machine that has much else to do: a wait that is over means that nothing will come.

Where a limit of the product must not be what ends a wait, that limit is longer than this, or the test sets it.
"""
