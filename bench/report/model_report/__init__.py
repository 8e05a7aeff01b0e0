"""The report of one model, for readers who know machine learning but not attacks: one HTML file, and a PDF."""
