"""Transfer matrices."""
