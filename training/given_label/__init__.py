"""Training on a plain table with a label column: read, suspect, judge, fit, score."""
