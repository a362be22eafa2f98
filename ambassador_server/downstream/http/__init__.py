"""HTTP/1.1 towards downstreams: one request at a time on connections that are used again; see ADR 5."""
