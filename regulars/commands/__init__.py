"""The commands, one file for each kind; their work is done in the modules above."""
