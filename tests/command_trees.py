"""Builds what a command builds from its modules alone, once for all commands that are forked from this process."""

from ambassador_admin.cli import app

# Typer takes longer to build 120 commands than most of them take to run.
app._command_tree()
