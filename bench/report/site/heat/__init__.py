"""Tables whose cells are coloured by their numbers."""
