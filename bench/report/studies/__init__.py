"""Studies: what a paper (or a question) asks of trained models, and what is read off their rows. No torch here."""
