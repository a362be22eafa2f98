"""The command line for administrators, a client of the admin API."""
