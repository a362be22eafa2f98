"""The words for people: everything but the relay."""
