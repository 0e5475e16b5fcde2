"""The front door: one command line and one settings reader."""

__version__ = "0.1.0"
