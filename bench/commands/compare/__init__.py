"""`bench compare`: the regression gate."""
