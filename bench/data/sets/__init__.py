"""Data sets, a file for each: official files, image folders, what they are called and how they are trained on."""
