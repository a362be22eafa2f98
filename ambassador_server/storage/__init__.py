"""The database: tables, repositories, transactions and migrations behind `ports.store`."""
