"""Rows and run folders on disk. No torch."""
