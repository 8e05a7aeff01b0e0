"""Pages of papers, and of claims."""
