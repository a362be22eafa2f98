"""Bodies of the admin API, one file per noun; users, groups and MCPs are named by name, not by an internal id.

Requests refuse unknown members (pydantic reads `__pydantic_config__`). No response holds a hash, and a secret is
only in the response of the request that issues it.
Times are ISO-8601 UTC with milliseconds.
"""
