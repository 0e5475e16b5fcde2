"""The feature engine beside its rivals: each a contender that runs in a process of its own."""
