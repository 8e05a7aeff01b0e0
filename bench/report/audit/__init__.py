"""The audit: checks of stored rows for signs of gradient masking and failed attacks."""
