"""Training on a plain table with a label column: read, look for leaks, judge, fit, score."""
