"""The environment of one command: its options, settings, stored contexts, secrets and API client."""
