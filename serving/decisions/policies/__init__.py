"""Who is decided for by which policy, and what is left to chance."""
