"""The client's settings, accounts, credentials, TLS trust and cached sessions."""
