"""Adds the entry to an application's file and removes it, with backups for `undo`."""
