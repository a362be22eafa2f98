"""Questions of downstreams on their way to the host."""
