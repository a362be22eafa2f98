"""The audit log on disk: hash-chained lines of JSON, one directory for each writer."""
