"""`bench show`: a recipe's page."""
