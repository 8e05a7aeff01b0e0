"""The versions that stand in every row: of the bench, with the day of its release, and of how it measures."""

__version__ = "0.1.0"
RELEASED = "2026-11-22"  # of this version, as CHANGELOG.md and CITATION.cff have it
PROTOCOL = 1  # raised where a stored number would come out otherwise
