"""What a run will cost: passes, and time on this machine."""
