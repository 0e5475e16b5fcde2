"""Between a request and its answer: routes, keys, limits, errors, metrics."""
