"""Corruptions, functions of batches of images, a file a family."""
