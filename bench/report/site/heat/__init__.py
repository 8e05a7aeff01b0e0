"""Pages with heat maps: transfer matrices and corruptions."""
