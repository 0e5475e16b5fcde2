"""The command line and the settings of a shop."""

__version__ = "0.1.0"
