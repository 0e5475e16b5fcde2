"""Roll-ups, a file for each kind of fact; a new file here is found by itself."""
