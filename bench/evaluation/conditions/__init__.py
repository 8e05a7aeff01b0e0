"""What is done to the test images, a file a kind."""
