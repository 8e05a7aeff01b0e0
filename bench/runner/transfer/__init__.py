"""Transfer: images crafted on one model, tried on another."""
