"""What one command works with: its options, its settings, its output and the admin API."""
