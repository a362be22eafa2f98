"""The OAuth 2.1 client towards the authorization servers of downstreams."""
