"""Model cards, as Hugging Face has them, and BibTeX of the papers behind a model."""
