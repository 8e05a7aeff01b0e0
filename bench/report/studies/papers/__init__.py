"""The papers' tables and figures as values, a file a paper."""
