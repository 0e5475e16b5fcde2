"""What stands between a request and an answer: routes, keys, limits, problems, measures."""
