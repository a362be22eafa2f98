"""The commands for people: everything but the relay."""
