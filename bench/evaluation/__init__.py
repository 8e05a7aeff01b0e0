"""Evaluation of trained models: conditions, the evaluator, transfer attacks, probes and external models."""
