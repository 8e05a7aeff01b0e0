"""Accuracy over radii."""
