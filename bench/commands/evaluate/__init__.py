"""`bench eval`: a model that was not trained here, measured as those that are."""
