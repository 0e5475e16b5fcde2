"""Events, decisions and contacts, kept durably in SQLite or PostgreSQL."""
