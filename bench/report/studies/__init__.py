"""Studies: the runs that reproduce a paper's tables and figures (or check claims), and the comparison with them."""
