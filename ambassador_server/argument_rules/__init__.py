"""The constraints of grants for arguments of tools: compiled, and checked on the bytes that the downstream gets."""
