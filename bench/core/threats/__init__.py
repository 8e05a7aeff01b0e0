"""Threat models: balls of the norms Linf, L2 and L1. They import torch where they use it, as reports do without it."""
