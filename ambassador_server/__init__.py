"""The server: authenticates, decides, records, routes."""
