"""The link to the server: an HTTP/1.1 client over asyncio, and the session endpoints."""
