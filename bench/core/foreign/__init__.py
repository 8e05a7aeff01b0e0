"""Calls into code that is not ours: what it raises, and what it leaves behind."""
