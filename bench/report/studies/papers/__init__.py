"""Tables and figures of the papers, a file for each paper, and their claims and training plans."""
