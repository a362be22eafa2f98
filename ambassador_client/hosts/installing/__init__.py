"""How an entry comes into an application's file and out of it again, and what is kept to undo it."""
