"""What attacks have found in the exam of attacks (`bench exam`)."""
