"""Batch norms that are folded into convolutions, split into branches, or tuned by themselves."""
