"""What every recipe owes the bench."""
