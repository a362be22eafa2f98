"""The steps, forward only."""
