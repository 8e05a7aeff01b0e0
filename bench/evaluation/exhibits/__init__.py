"""Exhibits: small tables for figures, measured on a finished model and stored in its run folder."""
