"""The credentials that downstreams demand: users give them, calls are lent them, administrators see their state."""
