"""The AI applications that `install` can configure: one module each, named by its configuration word."""
