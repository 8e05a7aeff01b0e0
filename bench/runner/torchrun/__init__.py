"""Runs that torchrun starts as several processes."""
