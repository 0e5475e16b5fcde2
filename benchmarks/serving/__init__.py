"""The server under load beside a no-op and beside its peers."""
