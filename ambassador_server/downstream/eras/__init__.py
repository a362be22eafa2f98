"""The eras of the protocol towards downstreams; each file holds all that is special to one era."""
