"""Towards identity providers: where the keys of issuers are, and whether a token is signed with one of them."""
