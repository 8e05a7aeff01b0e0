"""Transfer attacks: images crafted on one model (the source) are classified by others (the targets)."""
