"""Decisions for many customers at once: files of decisions and the retention list."""
