"""The versions that stand in every row: of the bench, and of how it measures."""

__version__ = "0.1.0"
PROTOCOL = 1  # raised where a stored number would come out otherwise
