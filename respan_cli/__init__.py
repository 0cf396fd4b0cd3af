"""The command line of the Respan gateway."""

__version__ = "0.1.0"
