"""What the server does when things break, and what is lost by it."""
