"""What people look at rather than read: findings, tables for the console, pages."""
