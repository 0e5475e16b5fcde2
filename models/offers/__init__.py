"""What may be offered to whom: declarations, and the language of their rules."""
