"""Models that were not trained here: where they come from, and whether they keep the contract."""
