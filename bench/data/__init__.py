"""Data sets, a file a set."""
