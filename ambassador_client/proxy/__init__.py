"""The relay between the host's pipes and the server; imports nothing but the standard library and h11."""
