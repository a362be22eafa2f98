"""The composition root: the only place that knows who serves what."""
