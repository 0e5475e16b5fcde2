"""Score customers again within a minute of their events, in a process beside the server."""
