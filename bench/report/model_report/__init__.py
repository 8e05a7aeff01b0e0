"""A page about one model for people who know machine learning and not attacks: HTML that can be mailed, and PDF."""
