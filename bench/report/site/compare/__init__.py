"""Two lines of a board side by side."""
