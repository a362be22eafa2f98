"""The client of the admin API: one file per noun builds requests, `client` sends them."""
