"""A page for each recipe and each model from outside."""
