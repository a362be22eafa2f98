"""The admin API as values: one file per noun says what to send, the client sends it."""
