"""The AI applications we can enter ourselves into: one file each, named by its configuration word."""
