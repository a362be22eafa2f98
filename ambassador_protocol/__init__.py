"""The wire contract that client, admin and server share; it uses the standard library only."""

__version__ = "0.1.0"
