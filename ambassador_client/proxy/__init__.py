"""The relay between a host application and the server; imports only the standard library and h11."""
