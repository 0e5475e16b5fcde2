"""The commands, a file for each kind; each is a few lines over the rooms."""
