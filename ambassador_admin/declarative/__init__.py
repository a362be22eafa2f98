"""What files say should be: read, compared with what is, exported, and brought about in a safe order."""
