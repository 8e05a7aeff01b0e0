"""What a trained model is worth: conditions, the evaluator, transfer, probes, external models."""
