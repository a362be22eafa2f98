"""The way to the server: HTTP/1.1 over asyncio, and the session endpoints on top of it."""
