"""What attacks search with: gradients, projected ascent, Auto-PGD, random search, and prefixes of searches."""
