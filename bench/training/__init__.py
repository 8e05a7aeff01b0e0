"""Recipes and their vocabulary, jobs, the training loop and its monitor."""
