"""A page for each paper, and one of claims."""
