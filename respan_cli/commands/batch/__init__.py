"""`respan batch`."""
