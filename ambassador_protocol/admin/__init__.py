"""Bodies of the admin API, one file per noun: resources are named by natural name, never by an internal id.

Requests refuse unknown members (pydantic reads `__pydantic_config__`); responses never hold a hash or secret.
Times are ISO-8601 UTC with milliseconds.
"""
