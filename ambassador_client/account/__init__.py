"""Who this client is: its settings, its credentials, what it trusts, and its cached session."""
