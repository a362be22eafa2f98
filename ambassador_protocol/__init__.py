"""The wire contract shared by client, admin and server; standard library only."""

__version__ = "0.1.0"
