"""Declares objects of the server in files: reads the files, plans and applies the changes, exports the objects."""
