"""The commands: each parses, calls the API and renders; nothing else."""
