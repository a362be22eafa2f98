"""The eras of the protocol as hosts speak them: what differs between them is in one file each."""
