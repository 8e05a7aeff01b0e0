"""`bench speed`: times of attacks and training compared with other packages, measured in turns."""
