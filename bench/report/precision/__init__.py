"""Accuracies of trainings in fp32 beside those of the same in bf16: tables and a page."""
