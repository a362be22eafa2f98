"""Copies the audit log into its index in a process of its own, so that calls do not share their processor with it."""
