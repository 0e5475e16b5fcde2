"""Feature families, one file each; a new file here is a new family."""
