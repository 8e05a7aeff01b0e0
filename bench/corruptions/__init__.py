"""Corruptions: functions of batches of images, a file for each family."""
