"""Image files that are decoded when they are used, for data sets that do not fit into memory."""
