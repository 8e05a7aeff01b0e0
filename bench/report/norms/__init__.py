"""Accuracy under attacks in balls of several norms together: tables and a page."""
