"""SCIM 2.0 for identity providers; the library `scim2-server` knows the protocol, and this room its storage."""
