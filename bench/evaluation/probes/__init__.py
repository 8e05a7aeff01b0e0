"""Probes of a model, with attacks and without, for signs that its accuracy under attack is too high."""
