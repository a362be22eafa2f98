"""An HTTP/1.1 client for downstreams with one request at a time on pooled connections; see ADR 5."""
