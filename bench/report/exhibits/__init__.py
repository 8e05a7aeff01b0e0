"""Figures of exhibits."""
