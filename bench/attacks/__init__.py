"""Attacks, functions (model, x, y, threat) -> x_adv, a file a family."""
