"""Claims of papers, checked on stored rows: what a comparison is, the numbers it compares, and the page of all."""
