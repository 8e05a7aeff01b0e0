"""Accuracy over radii, steps, step sizes, restarts or passes: tables, figures and a page."""
