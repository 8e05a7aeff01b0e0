"""Accuracy over radii, steps, step sizes or restarts: tables, figures and a page."""
