"""`bench show`: the page of a recipe, and contact sheets of corruptions."""
