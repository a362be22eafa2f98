"""The command line of administrators: a thin, scriptable face over the admin API."""
