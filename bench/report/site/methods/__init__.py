"""Pages of recipes and of external models."""
