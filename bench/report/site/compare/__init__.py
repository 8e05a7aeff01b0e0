"""Pages that compare two lines of a board image by image."""
