"""Architectures, a file a family, and what is done to them: batch-norm folding, freezing, checkpoints."""
