"""The audit log on disk: hash-chained JSON lines, one directory per writer."""
