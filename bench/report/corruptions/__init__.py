"""Accuracy on corrupted images: tables, figures and a page."""
