"""Forwards questions of downstreams to the host."""
