"""Exhibits: small tables that are measured on a finished model and kept in its run folder, for figures."""
