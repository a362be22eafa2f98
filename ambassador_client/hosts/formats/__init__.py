"""Editors for the file formats of the applications; each changes one entry and preserves the rest of the file."""
