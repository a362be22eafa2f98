"""Programs that this server starts: which may be started, what they may reach, and how they end."""
