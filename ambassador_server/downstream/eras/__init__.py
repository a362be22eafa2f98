"""The eras of the protocol as downstreams speak them: what differs between them is in one file each."""
