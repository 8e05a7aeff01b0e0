"""`bench list`: names, and tables of what they mean."""
