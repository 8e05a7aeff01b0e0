"""What figures share: how they look, limits of axes, colours of attacks, and where names are written."""
