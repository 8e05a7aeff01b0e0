"""`bench list`: registered names, plain or as tables with their meaning."""
