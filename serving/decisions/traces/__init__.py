"""Why not X? Where every offer stopped and what the others were worth, in words."""
