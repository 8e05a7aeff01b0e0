"""The contract of recipes: checks that every recipe must pass."""
