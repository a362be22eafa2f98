"""Implements `ports.store` on a database: tables, repositories, transactions and migrations."""
