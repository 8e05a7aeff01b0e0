"""Conditions: what is done to the test images before a model is evaluated on them. One file a kind."""
