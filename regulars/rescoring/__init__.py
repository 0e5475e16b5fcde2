"""Score customers again within a minute of their events, beside the server and never in it."""
