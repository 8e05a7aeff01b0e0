"""Results and adversarial images of single shards of a cell, and how they are joined."""
