"""The migrations of the schema; `versions` has one file for each, numbered in order."""
